#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_phase
short_description: Take one sample of a phase and judge whether it is finished
description:
  - One reading of container, server, processes and databases, appended to a file of samples, and a verdict on them.
  - Waiting is done with C(until) around it. The samples are on the target, so a restarted controller goes on.
  - Whatever does not answer is part of the sample, never a failure of the module.
  - Of a scan, what the server's logs say since the sample before is part of it, too.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_server]
attributes:
  idempotent:
    support: full
    details: [Every call appends a sample to O(samples), which is its record and not reported as a change.]
options:
  phase:
    description: What is waited for; V(analyse) is the media analysis, V(sonic) the Sonic analysis.
    type: str
    required: true
    choices: [stabilise, scan, analyse, refresh, sonic]
  state:
    description:
      - V(begun) marks the begin of the phase with the counts before it.
      - V(resumed) marks that the work was begun again; the silence before is not held against the time after.
      - V(sampled) takes a sample and judges.
      - V(judged) judges what there is at the end of the stage, without taking a sample. RV(verdict) is V(not_begun)
        when there is nothing, and V(cancelled) when the phase was still waited for.
    type: str
    choices: [begun, resumed, sampled, judged]
    default: sampled
  container:
    description: The name of the container.
    type: str
    default: plex
  database_dir:
    description: The directory of the databases.
    type: path
    required: true
  section:
    description: The key of the library. Without it, in O(phase=stabilise) only, the whole server is meant.
    type: int
  title:
    description: The name of the library, for people who read the samples and the result.
    type: str
    default: ""
  samples:
    description:
      - The file of the samples. Beside it C(.NAME.counted) keeps what was counted; it may be removed.
      - When C(../guard/given_up.json) is there, seen from its directory, the guard has given the mount up.
    type: path
    required: true
  run_id:
    description: The run. A begin of another run does not count.
    type: str
    default: ""
  thresholds:
    description: The patience of this phase.
    type: dict
    required: true
    suboptions:
      quiet_samples:
        description: How many quiet samples in a row mean quiet.
        type: int
        default: 3
      cpu_percent:
        description: Below this many percent of one core the server is quiet.
        type: float
        default: 20
      stall_seconds:
        description: After this long without anything moving the phase has stalled.
        type: float
        default: 3600
      timeout_seconds:
        description: After this long the phase is over in any case. V(0) means never.
        type: float
        default: 14400
      grace_seconds:
        description: The first seconds, in which quiet means nothing yet.
        type: float
        default: 30
      frozen_seconds:
        description: After this long frozen by the guard, the mount is given up.
        type: float
        default: 1800
      settled_seconds:
        description: A work that was seen and is no more for this long has ended by itself.
        type: float
        default: 300
      ended_at:
        description: The moment (seconds since 1970) at which the phase is cut off. V(0) means never.
        type: float
        default: 0
"""

EXAMPLES = r"""
- name: Wait until the scan is over
  plex_phase:
    phase: scan
    config: /srv/plex-burst/config
    database_dir: "{{ plex_scan_database_dir }}"
    section: 5
    samples: /srv/plex-burst/samples/scan-5.jsonl
    thresholds: {quiet_samples: 3, timeout_seconds: 14400}
  register: __plex_scan_state
  until: __plex_scan_state.finished | default(false)
  retries: 1440
  delay: 10
"""

RETURN = r"""
finished:
  description: Whether waiting is over, one way or another.
  returned: success
  type: bool
verdict:
  description: waiting, or one of the ends in docs/phases.md.
  returned: success
  type: str
  sample: waiting
message:
  description: The state in words.
  returned: success
  type: str
  sample: 37/62 tracks, 4.1/s, about 6 s left
expected:
  description: How many there are to be done, null when it cannot be known.
  returned: success
  type: int
done:
  description: How many are done.
  returned: success
  type: int
left:
  description: How many are left.
  returned: success
  type: int
rate:
  description: How many per second, null as long as it is not known.
  returned: success
  type: float
eta_seconds:
  description: How many seconds it still takes, null as long as it is not known.
  returned: success
  type: float
eta_low:
  description: The lower end of the band around RV(eta_seconds).
  returned: success
  type: float
eta_high:
  description: The upper end of the band around RV(eta_seconds).
  returned: success
  type: float
retry:
  description: Whether beginning the work again may help.
  returned: success
  type: bool
result:
  description: The verdict as it goes into the ledger.
  returned: success
  type: dict
  sample: {"section": 5, "title": "Music", "verdict": "done", "message": "62/62 tracks", "expected": 62, "done": 62}
sample:
  description: The sample just taken.
  returned: success
  type: dict
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import samples
from ..module_utils.judgement import cut_off, not_begun, report
from ..module_utils.plex_server import SERVER_ARGUMENTS, PlexServer
from ..module_utils.sampling import Place, take
from ..module_utils.verdicts import Thresholds

PATIENCE = {
    "quiet_samples": {"type": "int", "default": 3},
    "cpu_percent": {"type": "float", "default": 20},
    "stall_seconds": {"type": "float", "default": 3600},
    "timeout_seconds": {"type": "float", "default": 14400},
    "grace_seconds": {"type": "float", "default": 30},
    "frozen_seconds": {"type": "float", "default": 1800},
    "settled_seconds": {"type": "float", "default": 300},
    "ended_at": {"type": "float", "default": 0},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    **SERVER_ARGUMENTS,
    "phase": {"type": "str", "required": True, "choices": ["stabilise", "scan", "analyse", "refresh", "sonic"]},
    "state": {"type": "str", "choices": ["begun", "resumed", "sampled", "judged"], "default": "sampled"},
    "container": {"type": "str", "default": "plex"},
    "database_dir": {"type": "path", "required": True},
    "section": {"type": "int"},
    "title": {"type": "str", "default": ""},
    "samples": {"type": "path", "required": True},
    "run_id": {"type": "str", "default": ""},
    "thresholds": {"type": "dict", "required": True, "options": PATIENCE},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    if params["section"] is None and params["phase"] != "stabilise":
        module.fail_json(msg=f"The phase {params['phase']} needs the key of a section: add section.")
    path = Path(params["samples"])
    # As it is written into the sample, so that whoever judges the samples again finds the same.
    now = round(time.time(), 3)
    lines = samples.current(samples.read(path), params["run_id"])
    sample = None
    if params["state"] != "judged":
        previous = lines[-1] if lines else None
        counted = None if module.check_mode else path.with_name(f".{path.name}.counted")
        if counted and params["state"] == "begun":
            counted.unlink(missing_ok=True)
        begins = params["state"] == "begun" or not lines
        began = now if begins else float(lines[0]["at"])
        guard, phase = path.parent.parent / "guard", params["phase"]
        place = Place(params["container"], params["database_dir"], params["section"], counted, guard, phase, began)
        server = PlexServer.local(params["url"], params["config"])
        kind = samples.RETRY if params["state"] == "resumed" else samples.SAMPLE
        sample = {**take(server, module.run_command, place, previous, now), "kind": kind}
        if begins:
            facts = {name: params[name] for name in ("phase", "section", "title", "run_id")}
            sample, lines = {**sample, **facts, "kind": samples.BEGIN}, []
        if not module.check_mode:
            try:
                samples.append(path, sample)
            except OSError as error:
                # Patience and money run out on a full disk, too: somebody has to say so.
                module.warn(f"The sample could not be kept: {error}.")
        lines.append(sample)
    if not lines:
        facts = {"section": params["section"], "title": params["title"]}
        module.exit_json(changed=False, sample=None, **not_begun(facts))
    end = now if sample else float(lines[-1]["at"])
    judged = report(params["phase"], lines, Thresholds(**params["thresholds"]), end)
    module.exit_json(changed=False, sample=sample, **(judged if sample else cut_off(judged)))


if __name__ == "__main__":
    main()
