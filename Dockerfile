# Two images from one file: `server` has no torch, `worker` has no web framework. docker-compose.yml builds both.
#
#   docker build --target server -t hessianfree-server .
#   docker build --target worker -t hessianfree-worker .
#
# Everything lives below /opt/hessianfree (a virtual environment), /data (what is kept) and /access (the token).

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS base
ENV PATH=/opt/hessianfree/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    TZ=UTC
# The folders belong to the user before a volume is laid over them: a new named volume takes over their owner.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin hessianfree \
    && install --directory --owner=hessianfree --group=hessianfree --mode=0700 /data /access
WORKDIR /src
RUN python -m venv /opt/hessianfree
COPY pyproject.toml constraints.txt docker/requirements.py ./


# The distribution as a wheel; its sources and its build tool stay behind in this stage.
FROM base AS wheel
RUN pip install --constraint constraints.txt hatchling
COPY README.md LICENSE ./
COPY engine engine
COPY server server
COPY web web
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /dist .


FROM base AS server
# First what changes seldom: this layer is built anew only when a dependency changes.
RUN python requirements.py server > requirements.txt && pip install --constraint constraints.txt --requirement requirements.txt
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


FROM base AS worker
# Left to itself, pip finds the torch of the platform: on Linux the one with CUDA's gigabytes. For a small CPU image build
# with --build-arg TORCH_INDEX=... and the address of PyTorch's CPU wheels, which its installation page names. Without
# dependencies, because that index holds other versions of them than constraints.txt; the next step brings the right ones.
ARG TORCH_INDEX=
RUN pip install --no-deps --constraint constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch torchvision
RUN python requirements.py worker > requirements.txt && pip install --constraint constraints.txt --requirement requirements.txt
COPY --from=wheel /dist /dist
RUN pip install --no-deps /dist/*.whl
USER hessianfree
WORKDIR /data
ENV HESSIANFREE_SERVER=http://server:8765 \
    HESSIANFREE_DATA_DIR=/data \
    HESSIANFREE_TOKEN_FILE=/access/token
ENTRYPOINT ["hessianfree"]
CMD ["work"]
