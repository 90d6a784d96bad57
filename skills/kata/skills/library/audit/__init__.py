"""Audit: what speaks against a package before anything in it is loaded, and how risky a call is."""

from .audit import audit_package, require_bounded, require_clean
from .report import AuditFinding, AuditReport, Severity

__all__ = [
    "AuditFinding",
    "AuditReport",
    "Severity",
    "audit_package",
    "require_bounded",
    "require_clean",
]
