"""Orchestrations that run as a unit: the rules of what comes next, and the steps taken by them."""
