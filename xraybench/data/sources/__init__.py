"""Readers, one file a data set, each taking the folder that the official download unpacks to."""
