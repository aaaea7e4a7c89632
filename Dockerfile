# The service in a container, from Debian's Python and the project's wheel:
#   python3 -m pip wheel --no-deps -w dist . && docker build -t glyphfront .
#   docker run --rm -p 8000:8000 -e GLYPHFRONT_TOKEN=choose-one glyphfront
FROM debian:stable-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*
COPY constraints.txt dist/glyphfront-*.whl /opt/
RUN python3 -m venv /opt/venv && \
    /opt/venv/bin/pip install --no-cache-dir -c /opt/constraints.txt "$(echo /opt/glyphfront-*.whl)[serve]" && \
    rm /opt/glyphfront-*.whl
RUN useradd --system --no-create-home glyphfront
USER glyphfront
EXPOSE 8000
HEALTHCHECK --start-period=10s CMD ["/opt/venv/bin/python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
# without GLYPHFRONT_TOKEN it does not start; add --no-token to answer everybody
ENTRYPOINT ["/opt/venv/bin/glyphfront", "serve", "--host", "0.0.0.0"]
