"""The peers' job: the talk time of each queue and minute, out of one Kafka topic keyed by contact, by four engines.

`run.py` starts each in a process of its own. An engine prints one line when it has counted everything (`job.Meter`).
"""
