# langue serve on CPUs: docker build -t langue . && docker run -p 8000:8000 -e LANGUE_API_KEY=… -v $PWD/model:/model:ro langue /model
FROM python:3.12-slim

RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu "torch>=2.11,<2.14"

COPY pyproject.toml README.md LICENSE /src/
COPY src /src/src
RUN pip install --no-cache-dir "/src[serve,chat,audio]" && rm -rf /src && useradd --create-home langue

USER langue
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=120s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')"]
# The container's own loopback is nobody's, so keys are needed: LANGUE_API_KEY, or --key-file.
ENTRYPOINT ["langue", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["/model"]
