// Several servers of one database, between which calls take turns.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>
#include <vector>

namespace levada {

// How gRPC reaches the servers at some places (`host:port`): the name for its resolver. If they have several addresses,
// `arguments` are changed so that each call goes to the next server that says it is ready. Throws UNAVAILABLE if several
// places are given and none is known.
std::string route(const std::vector<std::string>& places, grpc::ChannelArguments& arguments);

}  // namespace levada
