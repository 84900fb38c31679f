#include "protocol/pop3/session.h"

namespace angarium::protocol::pop3 {
namespace {

struct Request {
  std::size_t index;
  std::uint64_t lines;
};

Result<Request> parse(Session& session, Parameters parameters) {
  const Number number = TRY(parameters.require_number());
  const std::uint64_t lines = TRY(parameters.require_count());
  TRY(parameters.end());
  const std::size_t index = TRY(session.maildrop->find(number));
  return Request{index, lines};
}

}  // namespace

// RFC 1939 §7, TOP.
Answer top(Session& session, Parameters parameters) {
  const auto request = parse(session, parameters);
  if (!request) {
    session.refuse(request.error());
    return Result<>();
  }
  return session.send_message(request->index, Purpose::top, request->lines);
}

}  // namespace angarium::protocol::pop3
