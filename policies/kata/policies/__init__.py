"""Policies: chunks of actions, learned from demonstrations.

Importing this costs nothing: torch loads with the first policy.
"""

from .registry import POLICIES, load_policy, make_policy, policy_class, policy_settings

__all__ = ["POLICIES", "load_policy", "make_policy", "policy_class", "policy_settings"]
