"""The version, also for builds that read it and for copies that have no metadata."""

VERSION = "0.1.0"
