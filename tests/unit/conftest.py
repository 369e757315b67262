"""Failed assertions of the cases' own module show both sides."""

import pytest

pytest.register_assert_rewrite("tests.unit.cases")
