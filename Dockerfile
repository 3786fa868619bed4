# Three images from one file: `server` has no torch, `worker` no web framework, `worker-gpu` brings CUDA's libraries.
# docker-compose.yml builds the first two, docker-compose.gpu.yml the third; docs/deployment.md says how to use them.
#
#   docker build --target server -t hessianfree-server .
#   docker build --target worker -t hessianfree-worker .
#
# Every version is that of constraints.txt. What more an image can do is an extra: --build-arg EXTRAS="s3".
# Everything lives below /opt/hessianfree (a virtual environment), /data (what is kept), /storage (what all share) and the
# folders of secrets, each a volume: /access (the token), /database (PostgreSQL's password), /metrics (Prometheus' token).

ARG PYTHON=3.11.15

FROM python:${PYTHON}-slim-bookworm AS base
# pip is the base image's, and installs into an environment that has none.
ENV PATH=/opt/hessianfree/bin:$PATH \
    PIP_PYTHON=/opt/hessianfree/bin/python \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    TZ=UTC
# The folders belong to the user before a volume is laid over them: a new named volume takes over their owner and mode.
# Files in the last two are for one other container's user: it has to get in, and cannot look around.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin hessianfree \
    && install --directory --owner=hessianfree --group=hessianfree --mode=0700 /data /storage /access \
    && install --directory --owner=hessianfree --group=hessianfree --mode=0711 /database /metrics
WORKDIR /src
RUN python -m venv --without-pip /opt/hessianfree
COPY constraints.txt ./


# What each image asks for, as a list: a change of pyproject.toml that leaves the lists alone builds no layer anew but these.
FROM base AS requirements
ARG EXTRAS=
COPY pyproject.toml docker/requirements.py ./
RUN python requirements.py server postgres ${EXTRAS} > server.txt && python requirements.py worker ${EXTRAS} > worker.txt


# The distribution as a wheel; its sources and its build tool stay behind in this stage.
FROM base AS wheel
RUN pip install --constraint constraints.txt hatchling
COPY pyproject.toml README.md LICENSE ./
COPY engine engine
COPY server server
COPY web web
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /dist .


FROM base AS server
# First what changes seldom. The packages' own tests, and plotly's parts for notebooks, are 30 MB that a server never reads.
COPY --from=requirements /src/server.txt ./
RUN pip install --constraint constraints.txt --requirement server.txt \
    && find /opt/hessianfree -depth -type d \( -name tests -o -path '*/plotly/labextension' \) -exec rm -r {} +
COPY --from=wheel /dist /dist
RUN pip install --no-deps /dist/*.whl
USER hessianfree
WORKDIR /data
# Within the container every address is reached through the port that its user publishes; the token guards it.
ENV HESSIANFREE_HOST=0.0.0.0 \
    HESSIANFREE_PORT=8765 \
    HESSIANFREE_DATA_DIR=/data \
    HESSIANFREE_TOKEN_FILE=/access/token
EXPOSE 8765
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/healthz', timeout=3)"]
ENTRYPOINT ["hessianfree"]
CMD ["serve", "--token-file", "/access/token"]


# What the two workers share: everything but where torch comes from.
FROM base AS training
COPY --from=requirements /src/worker.txt ./
ENV HESSIANFREE_SERVER=http://server:8765 \
    HESSIANFREE_DATA_DIR=/data \
    HESSIANFREE_TOKEN_FILE=/access/token
# Healthy: within the last minute the server has answered that it knows this worker.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, sys, time; sys.exit(time.time() - os.stat('/tmp/heartbeat').st_mtime > 60)"]
ENTRYPOINT ["hessianfree"]
CMD ["work", "--heartbeat-file", "/tmp/heartbeat"]


# One version of torch is published as several builds: without CUDA 200 MB, with it and its libraries some gigabytes. Left to
# itself pip takes, on Linux on x86-64, the one with CUDA, which trains on a machine without a GPU as well. For a small image
# give --build-arg TORCH_INDEX=... the address of PyTorch's wheels for the CPU, which its installation page names: torch
# 2.13.0+cpu is 2.13.0 to constraints.txt. Without dependencies, because that index holds other versions of them than
# constraints.txt; the next step brings the right ones.
FROM training AS worker
ARG TORCH_INDEX=
RUN pip install --no-deps --constraint constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch torchvision
RUN pip install --constraint constraints.txt --requirement worker.txt
COPY --from=wheel /dist /dist
RUN pip install --no-deps /dist/*.whl
USER hessianfree
WORKDIR /data


# Always the build with CUDA. Its libraries come as packages whose versions torch's own requirements fix; of the machine it
# needs the driver alone, which NVIDIA's container toolkit lends to the container.
FROM training AS worker-gpu
RUN pip install --constraint constraints.txt torch torchvision
RUN pip install --constraint constraints.txt --requirement worker.txt
COPY --from=wheel /dist /dist
RUN pip install --no-deps /dist/*.whl
USER hessianfree
WORKDIR /data
