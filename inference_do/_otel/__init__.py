"""OpenTelemetry's conventions for generative AI, over opentelemetry-util-genai, which only `calls.py` knows."""
