"""The parts of `inference_do.jobs`: many rows through one call.

* `rows`, `templates`: where rows come from, what a row's key is, and what the call is given of it.
* `calls`, `fingerprints`, `results`: what a call may be, what it is known by, and what becomes of its results.
* `output`, `finished`: the append-only file, and what is known of it when a job begins again.
* `level`, `verdicts`, `machine`: how many rows at once, what an error means, which row is next. Without I/O or a clock.
* `meters`: what a row used, whatever stands between it and the client.
* `runs`, `drivers`, `workers`: one run, for threads and for event loops.
* `progress`, `lines`, `bars`, `reports`: what is shown meanwhile, and at the end.
"""
