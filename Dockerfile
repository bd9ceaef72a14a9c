# The API alone, served by gunicorn: see deploy/README.md.
FROM python:3.11-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

WORKDIR /opt/garment-scorer
COPY requirements-scoring.txt requirements-gunicorn.txt ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check \
        -r requirements-scoring.txt -r requirements-gunicorn.txt \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin scorer

COPY NOTICE gunicorn.conf.py settings.toml ./
COPY scoring/ scoring/
COPY server/ server/
COPY fashion_model/ fashion_model/
COPY models/ models/

USER 10001
EXPOSE 5002
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5002/health/ready', timeout=4)"]
# One worker for each core; a key by -e SCORING_SERVER__API_KEY=… or an env file.
CMD ["gunicorn", "server:create_app()", "-b", "0.0.0.0:5002", "--workers", "2", "--timeout", "600", \
     "--worker-tmp-dir", "/dev/shm"]
