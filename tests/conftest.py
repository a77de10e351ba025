"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Hypothesis calls it a failure when an example takes longer than 200 ms, or when examples are drawn slowly; on a
# machine that is busy with others both happen to any test.
settings.register_profile("no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# For script/check; script/test tries as many examples as Hypothesis likes to.
settings.register_profile("quick", settings.get_profile("no deadline"), max_examples=20)
settings.load_profile("no deadline")
