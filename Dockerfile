FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    GRADIO_ANALYTICS_ENABLED=False \
    HOME=/tmp \
    GYRUS_HOST=0.0.0.0 \
    GYRUS_PORT=7860

WORKDIR /app

# Requirements change less often than code, so they are a layer of their own. A bundle needs no TensorFlow;
# --build-arg WITH_TENSORFLOW=1 adds it for Keras files of your own.
ARG WITH_TENSORFLOW=0
COPY requirements.txt requirements/default.txt /tmp/wanted/
RUN if [ "$WITH_TENSORFLOW" = 1 ]; then wanted=requirements.txt; else wanted=default.txt; fi \
    && pip install --no-compile --require-hashes -r "/tmp/wanted/$wanted" \
    && rm -r /tmp/wanted \
    && cd /usr/local/lib/python3.11 \
    && find site-packages -type d -name tests -prune -exec rm -rf {} + \
    && rm -rf ensurepip site-packages/pip site-packages/pip-* /usr/local/bin/pip* \
    && if [ "$WITH_TENSORFLOW" != 1 ]; then \
           rm -rf site-packages/setuptools site-packages/setuptools-* site-packages/pkg_resources site-packages/wheel*; fi

COPY models ./models
COPY inference ./inference
COPY ui ./ui
COPY app.py .

# What grows past 700 MB is noticed here, and not by whoever pulls the image.
ARG MAX_MB=700
RUN if [ "$WITH_TENSORFLOW" != 1 ]; then \
        size=$(du -cxm --exclude=/proc --exclude=/sys --exclude=/opt / | tail -n 1 | cut -f 1); echo "The image has $size MB"; \
        test "$size" -le "$MAX_MB"; fi

USER 10001:10001
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/readyz', timeout=4)"]
CMD ["python", "app.py"]
