# The service alone: what a prediction needs, and the extra for the web.
FROM python:3.12-slim AS build
WORKDIR /src
COPY setup.cfg pyproject.toml README.md LICENSE ./
COPY agr agr
RUN python -m venv /opt/agr \
 && /opt/agr/bin/pip install --no-cache-dir ".[serve]" \
 && find /opt/agr -name "*.keras" -delete

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin agr
COPY --from=build /opt/agr /opt/agr
ENV PATH=/opt/agr/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["agr", "serve", "--host", "0.0.0.0"]
