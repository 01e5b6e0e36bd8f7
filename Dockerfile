# The server. The first stage builds the wheel, so that compilers and sources stay out of the image.
FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
RUN useradd --system --create-home levada
COPY --from=build /wheels /wheels
RUN wheel=$(ls /wheels/*.whl) && pip install --no-cache-dir "$wheel[server]" && rm -r /wheels
USER levada
WORKDIR /home/levada
# The store of objects of a server alone, and the folders of docker-compose.yml's volumes, which belong to this user.
RUN mkdir -p objects authority backups .levada/tls && chmod 700 .levada/tls && printf '[stores.main]\nfolder = "/home/levada/objects"\n' > .levada/stores.toml
EXPOSE 50051
ENTRYPOINT ["levada"]
# Without a certificate the server listens only inside this container; docker-compose.yml shows how to open it.
CMD ["serve"]
