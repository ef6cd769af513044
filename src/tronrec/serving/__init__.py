"""The HTTP service over a trained model; it needs the extra `serve`.

Clicks come with each request: nothing about a visitor is kept between two.
"""
