"""Checks that run in a process of their own, since Locust patches the standard library there."""
