"""xraybench: which explanation method may a radiology group trust?"""

__version__ = "0.1.0"
