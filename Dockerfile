# The site: the wizard, the playground and its own tiny model.
#   docker build -t oneclickllm-site .
#   docker run --rm -p 8000:8000 oneclickllm-site
ARG BASE=debian:12-slim

FROM ${BASE} AS packages
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /tmp/requirements.txt
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: -r /tmp/requirements.txt

FROM ${BASE}
ARG VERSION=1.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="OneClickLLM" \
      org.opencontainers.image.description="From any open model to a locked endpoint on Akash" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libgomp1 libstdc++6 python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 site \
    && useradd --uid 10001 --gid 10001 --home-dir /home/site --create-home \
        --shell /usr/sbin/nologin site \
    && install -d -o site -g site /home/site/cache
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/oneclickllm
COPY manage.py gunicorn.conf.py ./
COPY oneclick_site oneclick_site
COPY wizard wizard
COPY inference inference
COPY templates templates
COPY static static
ENV PATH=/opt/venv/bin:${PATH} \
    CACHE_DIR=/home/site/cache \
    HOST=0.0.0.0 \
    PORT=8000 \
    PYTHONUNBUFFERED=1 \
    STATIC_DIR=/opt/static
RUN python -m compileall -q . && python manage.py collectstatic --noinput --verbosity 0
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-m", "inference.healthcheck"]
CMD ["gunicorn", "-c", "gunicorn.conf.py"]
