// Binds every element that a page of ours may hold. The stream comes last: by then all are listening.

import "./elements/state-badge.js";
import "./elements/moment-text.js";
import "./elements/live-figure.js";
import "./elements/step-figures.js";
import "./elements/runs-table.js";
import "./elements/run-header.js";
import "./elements/run-settings.js";
import "./elements/run-history.js";
import "./elements/run-figures.js";
import "./elements/log-view.js";
import "./elements/compare-view.js";
import "./elements/compare-tables.js";
import "./elements/job-form.js";
import "./elements/worker-list.js";
import "./elements/copy-button.js";
import "./elements/connection-state.js";
