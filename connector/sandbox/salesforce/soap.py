"""The SOAP API, as far as it is left: login is refused, as new orgs refuse it."""

from __future__ import annotations

import re

from connector.sandbox.salesforce.wire import Answer, Request, Text

LAST_WITH_LOGIN = 64
_VERSION = re.compile(r"/services/soap/[a-z]+/(\d+)(?:\.\d+)?", re.IGNORECASE)


def refuse(request: Request) -> Answer:
    """Return the fault for a SOAP call: no such operation from version 65 on, switched off before that."""
    found = _VERSION.match(request.target)
    version = int(found[1]) if found else 0
    if not found or version < 31:
        return _fault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")
    if version > LAST_WITH_LOGIN:
        return _fault("UNSUPPORTED_API_VERSION", "SOAP API login() is not available in this API version")
    return _fault("INVALID_OPERATION", "SOAP API login() is disabled by default in this org.")


def _fault(code: str, message: str) -> Answer:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:sf="urn:fault.partner.soap.sforce.com" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault>'
        f"<faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring><detail>"
        f'<sf:UnexpectedErrorFault xsi:type="sf:UnexpectedErrorFault"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{message}</sf:exceptionMessage></sf:UnexpectedErrorFault></detail>"
        "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )
    return Answer(500, Text(text), {"Content-Type": "text/xml;charset=UTF-8"})
