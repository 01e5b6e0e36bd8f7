"""Serve calls: protobuf in, protobuf out; the only package that imports grpc."""
