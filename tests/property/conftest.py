"""The same examples in every run, and no deadlines: the machine is shared."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "floorpulse", derandomize=True, deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("floorpulse")
