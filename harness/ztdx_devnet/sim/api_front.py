"""What stands between the API's clients and the API: a gateway, which the armed faults make bad."""

from __future__ import annotations

from ztdx_devnet.faults.api import GATEWAY_CONTENT_TYPE, ApiFault, gateway_page
from ztdx_devnet.sim.processes import API_LATENCY_US, ApiAnswer, ApiProcess, ApiRequest, Host
from ztdx_devnet.sim.seed import stream


class ApiFront:
    """Carries requests of whoever runs to the API, and the answers back."""

    def __init__(self, api: ApiProcess, host: Host) -> None:
        self._api = api
        self._faults = host.faults
        self._kernel = host.kernel
        self._chance = stream(host.seed, "api faults")

    def request(self, request: ApiRequest) -> tuple[ApiAnswer | None, list[str]]:
        """The answer, None if none came, and the names of the faults that touched it.

        Of a request that one fault keeps from the API the faults after it know nothing. Raises
        ConnectionRefusedError when the API does not run.
        """
        fired: list[str] = []
        is_lost = False
        for fault in self._faults.of(ApiFault):
            if not (fault.concerns(request.method, request.target) and fault.takes(self._chance)):
                continue
            fired.append(fault.name)
            match fault.kind:
                case "latency":
                    self._kernel.boundary("http:delayed", fault.delay_us)
                case "error":
                    self._there_and_back()
                    headers = {"Content-Type": GATEWAY_CONTENT_TYPE}
                    return ApiAnswer(fault.status, headers, gateway_page(fault.status)), fired
                case "dropped_before":
                    self._there_and_back()
                    return None, fired
                case "dropped":
                    is_lost = True
        answer = self._api.request(request)
        return (None if is_lost else answer), fired

    def _there_and_back(self) -> None:
        self._kernel.boundary("http:send", API_LATENCY_US)
        self._kernel.boundary("http:receive", API_LATENCY_US)
