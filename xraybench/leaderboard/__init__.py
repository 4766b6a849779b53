"""Leaderboards: boards, tables and pages, all pure functions of the records in run folders."""
