"""When who guesses has to wait."""

from __future__ import annotations

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.db.models import Sum
from django.http import HttpRequest

#: So many times the failures of one user may come from one address, whatever names were tried: people share addresses.
USERS_PER_ADDRESS = 10


class Handler(AxesDatabaseHandler):
    """Failures count for the user at an address, and, where there are far more, for the address with every name.

    Every name that is tried costs the work of a hash; names that nobody has would never be made to wait.
    """

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        recent = AccessAttempt.objects.filter(
            ip_address=request.axes_ip_address, attempt_time__gte=get_cool_off_threshold(request)
        )
        of_address = recent.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
        return max(int(super().get_failures(request, credentials)), int(of_address) // USERS_PER_ADDRESS)
