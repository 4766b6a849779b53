"""Records in, tables and pages out; torch is never imported here."""
