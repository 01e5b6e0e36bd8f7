// The MEX function: `levada_gateway(command, …)`. The comment above each command describes its arguments and results.
#include <mex.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "arrays.hpp"
#include "blake3.hpp"
#include "call.hpp"
#include "columns.hpp"
#include "connection.hpp"
#include "error.hpp"
#include "folder_list.hpp"
#include "heartbeat.hpp"
#include "messages.hpp"
#include "private_file.hpp"
#include "private_socket.hpp"
#include "protocol.hpp"
#include "values.hpp"

namespace levada {
namespace {

using namespace std::chrono_literals;

constexpr auto kCallTime = 100ms;    // how long `call` waits for the response
constexpr auto kSendTime = 100ms;    // how long `send` waits for the request before, so that Ctrl-C is heard
constexpr double kLongestPoll = 60;  // seconds
constexpr double kCallSeconds = 60;  // deadline of a call that touches no rows
constexpr double kWorkSeconds = 6 * 3600;  // deadline of a call that reads or changes rows
constexpr size_t kMessageBytes = 16 * 1024;

// The state between two calls of the MEX function. Ids are never used twice.
struct State {
  std::map<uint64_t, std::shared_ptr<Connection>> connections;
  std::map<uint64_t, std::unique_ptr<Call>> calls;
  std::map<uint64_t, std::unique_ptr<Heartbeat>> heartbeats;
  uint64_t last_id = 0;
  Error last_error{"", ""};
  std::string failed_call;  // the id of the last call that failed
};

State* state = nullptr;

// Before the interpreter ends, cancels calls under way, joins threads and closes channels.
void at_exit() {
  delete state;
  state = nullptr;
}

// The arguments after the command, and the results.
struct Arguments {
  int result_count;
  mxArray** results;
  int count;
  const mxArray** values;

  const mxArray* at(int index) const { return index < count ? values[index] : nullptr; }
  std::string text(int index, const char* what) const { return text_of(at(index), what); }
  double number(int index, const char* what) const { return double_of(at(index), what); }
  uint64_t id(int index, const char* what) const {
    const double value = number(index, what);
    return value >= 0 && value < 1e15 ? static_cast<uint64_t>(value) : 0;
  }
  // The first result may be returned even if none is requested.
  void give(int index, mxArray* array) const {
    if (index < result_count || index == 0) {
      results[index] = array;
    } else {
      mxDestroyArray(array);
    }
  }
};

std::shared_ptr<Connection> connection_of(const Arguments& in) {
  const auto found = state->connections.find(in.id(0, "The id of a connection"));
  if (found == state->connections.end()) {
    throw Error("UNAVAILABLE", "The connection is closed; open another with levada.connect().");
  }
  return found->second;
}

std::map<uint64_t, std::unique_ptr<Call>>::iterator call_of(const Arguments& in) {
  const auto found = state->calls.find(in.id(0, "The id of a call"));
  if (found == state->calls.end()) throw Error("CANCELLED", "The call has ended already.");
  return found;
}

Clock::duration seconds(double value, const char* what) {
  if (!(value >= 0) || value > 1e9) throw invalid_request(std::string(what) + " is a number of seconds.");
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(value));
}

// channel = ('connect', address, token, certificates, client): the certificates are PEM text, '' for the system's; the
// client is the name of the client that each call carries, '' for none. Does not wait for the server.
void connect(const Arguments& in) {
  const std::string token = in.count > 1 ? in.text(1, "The token") : "";
  const std::string certificates = in.count > 2 ? in.text(2, "The text of the certificates") : "";
  const std::string client = in.count > 3 ? in.text(3, "The client") : "";
  auto connection = std::make_shared<Connection>(in.text(0, "The address"), token, certificates, client);
  in.give(0, double_array(static_cast<double>(++state->last_id)));
  state->connections[state->last_id] = std::move(connection);
}

// Ends all calls and heartbeats of a connection.
template <typename Users>
void erase_users(Users& users, const Connection& connection) {
  for (auto it = users.begin(); it != users.end();) {
    it = &it->second->connection() == &connection ? users.erase(it) : std::next(it);
  }
}

// ('close', id): cancels calls under way. Closing twice does nothing.
void close(const Arguments& in) {
  const auto found = state->connections.find(in.id(0, "The id of a connection"));
  if (found == state->connections.end()) return;
  erase_users(state->calls, *found->second);
  erase_users(state->heartbeats, *found->second);
  state->connections.erase(found);
}

// answered = ('answered', channel): some call was answered, so a server out of reach may be back in a moment.
void answered(const Arguments& in) { in.give(0, logical_array(connection_of(in)->answered())); }

// version = ('catalogVersion', channel): the highest that any answer carried.
void catalog_version(const Arguments& in) { in.give(0, int64_array(connection_of(in)->catalog_version())); }

mxArray* text_cells(const std::vector<std::string>& texts) {
  mxArray* cells = cell_row(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) mxSetCell(cells, static_cast<mwIndex>(i), text_array(texts[i]));
  return cells;
}

// warnings = ('warnings', channel): a cell row of the server's warnings in failed calls and in heartbeats. Empty if the
// channel is closed.
void warnings(const Arguments& in) {
  const auto found = state->connections.find(in.id(0, "The id of a connection"));
  const bool open = found != state->connections.end();
  in.give(0, text_cells(open ? found->second->take_warnings() : std::vector<std::string>{}));
}

// new = ('isNew', channel, notice): true once for each text.
void is_new(const Arguments& in) { in.give(0, logical_array(connection_of(in)->is_new(in.text(1, "The notice")))); }

// ('stayPresent', channel): an embedded server counts this process among its clients from now on.
void stay_present(const Arguments& in) {
  auto connection = connection_of(in);
  const auto& method = find_method("/grpc.health.v1.Health/Watch");
  auto call = std::make_unique<Call>(std::move(connection), method, std::nullopt);
  call->send(*new_message(*method.input_type()), true, 0ms);
  state->calls[++state->last_id] = std::move(call);
}

// Returns when a call ends with DEADLINE_EXCEEDED: after the given seconds, never for Inf, and by default late enough
// for the method's work. Keepalive notices a dead peer long before.
std::optional<Clock::time_point> deadline_of(const mxArray* given, const google::protobuf::MethodDescriptor& method) {
  double length = kWorkSeconds;
  if (given != nullptr && !is_unset(given)) {
    length = double_of(given, "The deadline");
    if (std::isinf(length) && length > 0) return std::nullopt;
  } else if (quick(method)) {
    length = kCallSeconds;
  }
  return Clock::now() + seconds(length, "The deadline");
}

// call = ('start', channel, method, request, seconds): without a request the stream waits for ('send', …).
void start(const Arguments& in) {
  const auto connection = connection_of(in);
  const auto& method = find_method(in.text(1, "The method"));
  const mxArray* request = in.at(2);
  const auto deadline = deadline_of(in.at(3), method);
  auto call = std::make_unique<Call>(connection, method, deadline);
  if (request != nullptr && (mxIsStruct(request) || !method.client_streaming())) {
    const auto message = new_message(*method.input_type());
    fill_message(request, *message, "request");
    call->send(*message, !method.client_streaming(), 0ms);
  }
  state->calls[++state->last_id] = std::move(call);
  in.give(0, double_array(static_cast<double>(state->last_id)));
}

// Throws the error of a call that failed. The server's warnings wait for ('warnings', ...).
void check_status(const Call& call) {
  if (!call.status().ok()) throw call.connection().error_of(call.status());
}

// [call, response, warnings] = ('call', channel, method, request, seconds): for a method with one message each way.
// Waits for a moment; call is 0 if the response is there by then, and otherwise the call to poll.
void call(const Arguments& in) {
  const auto connection = connection_of(in);
  const auto& method = find_method(in.text(1, "The method"));
  if (method.client_streaming() || method.server_streaming()) throw invalid_request(std::string(method.name()) + " is a stream.");
  const auto message = new_message(*method.input_type());
  fill_message(in.at(2), *message, "request");
  auto call = std::make_unique<Call>(connection, method, deadline_of(in.at(3), method));
  call->send(*message, true, 0ms);
  if (call->poll(kCallTime) != Call::State::kDone) {
    state->calls[++state->last_id] = std::move(call);
    in.give(0, double_array(static_cast<double>(state->last_id)));
    in.give(1, numeric_array({0, 0}, mxDOUBLE_CLASS));
    in.give(2, cell_row(0));
    return;
  }
  check_status(*call);
  const auto response = call->take_message();
  if (response == nullptr) throw Error("INTERNAL", std::string(method.name()) + " ended without a response.");
  in.give(0, double_array(0));
  in.give(1, struct_of(*response));
  in.give(2, text_cells(connection->take_warnings()));
}

// sent = ('send', call, message): false if the message before is still on its way after a tenth of a second.
void send(const Arguments& in) {
  Call& call = *call_of(in)->second;
  const auto message = new_message(*call.method().input_type());
  fill_message(in.at(1), *message, "request");
  in.give(0, logical_array(call.send(*message, false, kSendTime)));
}

// closed = ('closeSend', call): false as above.
void close_send(const Arguments& in) { in.give(0, logical_array(call_of(in)->second->close_send(kSendTime))); }

// [state, message] = ('poll', call, seconds): state is 'pending', 'message' or 'done'. A method that answers with one
// message returns it together with 'done'; [] if there is none.
void poll(const Arguments& in) {
  Call& call = *call_of(in)->second;
  const double timeout = std::min(in.number(1, "The time to wait"), kLongestPoll);
  const Call::State outcome = call.poll(seconds(timeout, "The time to wait"));
  static const char* const names[] = {"pending", "message", "done"};
  in.give(0, text_array(names[static_cast<int>(outcome)]));
  if (in.result_count < 2) return;
  const bool take = outcome == Call::State::kMessage ||
                    (outcome == Call::State::kDone && !call.method().server_streaming() && call.status().ok());
  const auto message = take ? call.take_message() : nullptr;
  in.give(1, message != nullptr ? struct_of(*message) : numeric_array({0, 0}, mxDOUBLE_CLASS));
}

// warnings = ('finish', call): after 'done'. Raises the call's error; the warnings are a cell row of texts.
void finish(const Arguments& in) {
  const auto found = call_of(in);
  if (!found->second->done()) throw invalid_request("The call is not done; poll it until it is.");
  const std::unique_ptr<Call> call = std::move(found->second);
  state->calls.erase(found);
  check_status(*call);
  in.give(0, text_cells(call->connection().take_warnings()));
}

// ('cancel', call): a call that has ended stays as it is.
void cancel(const Arguments& in) { state->calls.erase(in.id(0, "The id of a call")); }

std::map<uint64_t, std::unique_ptr<Heartbeat>>::iterator beat_of(const Arguments& in) {
  const auto found = state->heartbeats.find(in.id(0, "The id of a heartbeat"));
  if (found == state->heartbeats.end()) throw Error("CANCELLED", "The heartbeat has been stopped.");
  return found;
}

// beat = ('beatStart', channel, workerSession, intervalSeconds)
void beat_start(const Arguments& in) {
  const double interval = in.number(2, "The interval");
  if (!(interval > 0) || interval > 3600) throw invalid_request("The interval is a number of seconds up to 3600.");
  auto beat = std::make_unique<Heartbeat>(connection_of(in), std::chrono::duration<double>(interval));
  beat->add(in.text(1, "The worker session"));
  state->heartbeats[++state->last_id] = std::move(beat);
  in.give(0, double_array(static_cast<double>(state->last_id)));
}

// ('beatAdd', beat, workerSession)
void beat_add(const Arguments& in) { beat_of(in)->second->add(in.text(1, "The worker session")); }

// report = ('beatReport', beat): cancelled_lease_tokens, ended_sessions, reachable.
void beat_report(const Arguments& in) {
  const Heartbeat::Report report = beat_of(in)->second->report();
  StructBuilder fields;
  const auto cells = [](const std::set<std::string>& texts) { return text_cells({texts.begin(), texts.end()}); };
  fields.set("cancelled_lease_tokens", cells(report.cancelled_lease_tokens));
  fields.set("ended_sessions", cells(report.ended_sessions));
  fields.set("reachable", logical_array(report.reachable));
  in.give(0, fields.build());
}

// ('beatStop', beat): stopping twice does nothing.
void beat_stop(const Arguments& in) { state->heartbeats.erase(in.id(0, "The id of a heartbeat")); }

// id = ('requestId'): 32 letters from the system's randomness; MATLAB's own is the same at the start of every session.
void request_id(const Arguments& in) {
  std::random_device random;
  std::string id;
  while (id.size() < 32) id += "0123456789abcdef"[random() % 16];
  in.give(0, text_array(id));
}

// hexadecimal = ('sha256', bytes)
void sha256(const Arguments& in) {
  const std::string bytes = bytes_of(in.at(0), "The text to digest");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1) {
    throw Error("UNSUPPORTED", "OpenSSL has no SHA-256 here, so the code of a class cannot be digested.");
  }
  std::string hexadecimal;
  for (unsigned int i = 0; i < size; ++i) {
    hexadecimal += "0123456789abcdef"[digest[i] >> 4];
    hexadecimal += "0123456789abcdef"[digest[i] & 15];
  }
  in.give(0, text_array(hexadecimal));
}

Blake3 hash_state(const mxArray* array) {
  static_assert(std::is_trivially_copyable_v<Blake3>);
  Blake3 state;
  if (array != nullptr && !is_unset(array)) {
    const std::string kept = bytes_of(array, "The state of a hash");
    if (kept.size() != sizeof state) throw invalid_request("These bytes are not the state of a hash.");
    std::memcpy(&state, kept.data(), sizeof state);
  }
  return state;
}

// state = ('hashMore', state, bytes): of BLAKE3; it begins with [].
void hash_more(const Arguments& in) {
  Blake3 state = hash_state(in.at(0));
  state.add(bytes_of(in.at(1), "The bytes to hash"));
  in.give(0, bytes_array({reinterpret_cast<const char*>(&state), sizeof state}));
}

// hexadecimal = ('hashText', state)
void hash_text(const Arguments& in) { in.give(0, text_array(hash_state(in.at(0)).hexadecimal())); }

// checksum = ('crc32', bytes): as zlib computes it, a double.
void crc32(const Arguments& in) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> made{};
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t rest = byte;
      for (int bit = 0; bit < 8; ++bit) rest = (rest & 1) != 0 ? 0xEDB88320U ^ (rest >> 1) : rest >> 1;
      made[byte] = rest;
    }
    return made;
  }();
  uint32_t checksum = 0xFFFFFFFFU;
  for (const char byte : bytes_of(in.at(0), "The bytes to check")) {
    checksum = table[(checksum ^ static_cast<unsigned char>(byte)) & 0xFFU] ^ (checksum >> 8);
  }
  in.give(0, double_array(checksum ^ 0xFFFFFFFFU));
}

// [ours, othersWrite] = ('folderRights', folder)
void folder_rights_of(const Arguments& in) {
  const FolderRights found = folder_rights(in.text(0, "The folder"));
  in.give(0, logical_array(found.ours));
  if (in.result_count > 1) in.give(1, logical_array(found.others_write));
}

// found = ('listFolder', folder): see folder_list.hpp.
void list_folder(const Arguments& in) { in.give(0, folder_list(in.text(0, "The folder"))); }

// ('keepPrivately', file, text): replaces a file by one that nobody else can ever open.
void keep_privately(const Arguments& in) { write_private_file(in.text(0, "The file"), in.text(1, "The text")); }

// error = ('lastError'): the last error that the gateway raised: identifier, message, reason, metadata, call_id.
void last_error(const Arguments& in) { in.give(0, struct_of_error(state->last_error)); }

// id = ('failedCall'): the id, in the server's log, of the last call that failed; '' if none has.
void failed_call(const Arguments& in) { in.give(0, text_array(state->failed_call)); }

// ('raise', reason, message, callId): raises an error of the server that came in an answer.
void raise(const Arguments& in) {
  throw Error(in.text(0, "The reason"), in.text(1, "The message"), {}, in.text(2, "The id of the call"));
}

Exactness exactness(const Arguments& in, int index) {
  return in.at(index) != nullptr && in.number(index, "exact") != 0 ? Exactness::kStored : Exactness::kDouble;
}

// value = ('decodeValue', blob, exact)
void decode_value(const Arguments& in) { in.give(0, array_of_blob(bytes_of(in.at(0), "The blob"), exactness(in, 1))); }

// blob = ('encodeValue', value, path): the path names the value in errors.
void encode_value(const Arguments& in) {
  const std::string path = in.count > 1 ? in.text(1, "The path") : "value";
  if (in.at(0) == nullptr) throw invalid_request("A value is expected.");
  in.give(0, bytes_array(blob_of(in.at(0), path)));
}

// columns = ('decodeColumns', pieces, exact)
void decode_columns(const Arguments& in) { in.give(0, columns_of(in.at(0), exactness(in, 1))); }

// pieces = ('encodeColumns', columns)
void encode_columns(const Arguments& in) { in.give(0, pieces_of(in.at(0))); }

// [column, objects] = ('gatherColumn', values, attribute, kind, place, exact): see columns.hpp. The caller converts objects
// if it takes the second result.
void gather_column(const Arguments& in) {
  const bool exact = in.at(4) != nullptr && in.number(4, "exact") != 0;
  const auto [column, objects] = gathered_column(in.at(0), in.at(1), in.text(2, "The kind of the attribute"),
                                                 in.text(3, "The place"), exact, in.result_count > 1);
  in.give(0, column);
  in.give(1, objects);
}

// bytes = ('storedArray', value, type, where): of an array as its attribute stores it.
void stored_array_of(const Arguments& in) {
  in.give(0, stored_array(in.at(0), in.text(1, "The type of the attribute"), in.text(2, "The place")));
}

using Command = void (*)(const Arguments&);

const std::unordered_map<std::string, Command>& commands() {
  static const std::unordered_map<std::string, Command> table = {
      {"connect", connect},
      {"close", close},
      {"answered", answered},
      {"catalogVersion", catalog_version},
      {"warnings", warnings},
      {"isNew", is_new},
      {"stayPresent", stay_present},
      {"call", call},
      {"start", start},
      {"send", send},
      {"closeSend", close_send},
      {"poll", poll},
      {"finish", finish},
      {"cancel", cancel},
      {"beatStart", beat_start},
      {"beatAdd", beat_add},
      {"beatReport", beat_report},
      {"beatStop", beat_stop},
      {"requestId", request_id},
      {"sha256", sha256},
      {"hashMore", hash_more},
      {"hashText", hash_text},
      {"crc32", crc32},
      {"folderRights", folder_rights_of},
      {"listFolder", list_folder},
      {"keepPrivately", keep_privately},
      {"lastError", last_error},
      {"failedCall", failed_call},
      {"raise", raise},
      {"decodeValue", decode_value},
      {"encodeValue", encode_value},
      {"decodeColumns", decode_columns},
      {"encodeColumns", encode_columns},
      {"gatherColumn", gather_column},
      {"storedArray", stored_array_of},
  };
  return table;
}

// The error to raise when C++ has unwound, because the C API jumps out of the function, past every destructor.
char raised_identifier[64];
char raised_message[kMessageBytes];

void keep(const Error& error) {
  std::string text = error.what();
  if (text.size() >= kMessageBytes) {
    text.resize(kMessageBytes - 4);
    while (!text.empty() && (text.back() & 0xC0) == 0x80) text.pop_back();  // not within a letter
    if (!text.empty() && (text.back() & 0x80)) text.pop_back();
    text += "...";
  }
  std::strncpy(raised_message, text.c_str(), kMessageBytes - 1);
  std::strncpy(raised_identifier, error.identifier().c_str(), sizeof raised_identifier - 1);
  if (state == nullptr) return;
  state->last_error = error;
  if (!error.call_id().empty()) state->failed_call = error.call_id();
}

// Returns false if the command failed, and leaves the error with `keep`.
bool run(int result_count, mxArray* results[], int count, const mxArray* values[]) {
  try {
    if (state == nullptr) {
      state = new State;
      mexAtExit(at_exit);
      mexLock();  // gRPC's threads run code of this library, so it must never be unloaded
    }
    if (count < 1) throw invalid_request("levada_gateway takes a command.");
    const std::string name = text_of(values[0], "The command");
    const auto command = commands().find(name);
    if (command == commands().end()) throw invalid_request("`" + name + "` is not a command of levada_gateway.");
    command->second(Arguments{result_count, results, count - 1, values + 1});
    return true;
  } catch (const Error& error) {
    keep(error);
  } catch (const std::bad_alloc&) {
    keep(Error("LIMIT_REACHED", "There is not enough memory."));
  } catch (const std::exception& error) {
    keep(Error("INTERNAL", std::string("The gateway failed: ") + error.what()));
  }
  return false;
}

}  // namespace
}  // namespace levada

#if defined(_WIN32) && defined(MATLAB_MEX_FILE)
#define LEVADA_EXPORT  // mex.h has declared it without, and matlab_add_mex exports it
#elif defined(_WIN32)
#define LEVADA_EXPORT __declspec(dllexport)
#else
#define LEVADA_EXPORT __attribute__((visibility("default")))
#endif

extern "C" LEVADA_EXPORT void mexFunction(int nlhs, mxArray* plhs[], int nrhs, const mxArray* prhs[]) {
  if (!levada::run(nlhs, plhs, nrhs, prhs)) {
    mexErrMsgIdAndTxt(levada::raised_identifier, "%s", levada::raised_message);
  }
}
