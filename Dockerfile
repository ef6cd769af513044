# The service (docs/serving.md). It runs without rights of its own and writes nothing.
#   docker build --tag tronrec .
#   docker run --publish 8000:8000 --volume "$PWD/data/06_models/otto:/models:ro" tronrec
FROM python:3.11-slim AS build

WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY conf conf
COPY src src
RUN python -m venv /opt/tronrec \
    && /opt/tronrec/bin/pip install --no-cache-dir --constraint constraints.txt \
        --extra-index-url https://download.pytorch.org/whl/cpu ".[serve]"

FROM python:3.11-slim

RUN useradd --system --uid 10001 --no-create-home tronrec
COPY --from=build /opt/tronrec /opt/tronrec
ENV PATH=/opt/tronrec/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["python", "-c", \
    "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/ready', timeout=2)"]
ENTRYPOINT ["tronrec", "serve", "--host=0.0.0.0"]
CMD ["--model=/models/model.safetensors"]
