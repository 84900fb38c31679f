// Both sides of the control socket: any line is a request or message, or refused; what is read is written alike.
#include "control/request.h"

#include <cstdint>
#include <cstdlib>

using namespace angarium;
using namespace angarium::control;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  if (const auto request = decode_request(line)) {
    const std::string written = encode(*request);
    require(written.find('\n') == written.size() - 1);
    const auto again = decode_request(written);
    require(again.has_value() && again->verb == request->verb && again->arguments == request->arguments);
  } else {
    require(request.error().is(kMalformed));
  }
  if (const auto message = decode_message(line); message && message->last) {
    const std::string written = encode(message->reply);
    require(written.find('\n') == written.size() - 1);
    const auto again = decode_message(written);
    require(again.has_value() && again->last && again->reply.exit_code == message->reply.exit_code &&
            again->reply.error == message->reply.error);
  } else if (message) {
    const auto again = decode_message(encode(message->progress));
    require(again.has_value() && !again->last && again->progress.done == message->progress.done);
  }
  return 0;
}
