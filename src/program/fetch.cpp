// angarium fetch run: a look at a box of another host, and what came of it.
#include <fmt/core.h>
#include <poll.h>

#include <boost/json.hpp>

#include "control/client.h"
#include "program/answer.h"
#include "program/commands.h"

namespace angarium::program {
namespace {

/// How often the server is asked whether the look is over.
constexpr int kAskEveryMs = 200;

int end(const Context& context, const control::Reply& reply, int code) {
  if (context.json)
    fmt::print("{}\n", reply.result);
  else
    print_result("fetch.run", reply.result);
  return code;
}

/// What the box is like, when the look that began behind `before` is over.
std::optional<int> outcome(const boost::json::object& box, const std::string& before) {
  const std::string state = text(box, "state");
  if (state == "paused") return control::kFailed;  // meanwhile: nobody looks
  if (text(box, "last_run") == before) return std::nullopt;
  if (state == "ok") return control::kDone;
  // "failing" is tried again; "refused" waits for somebody who puts it right.
  return state == "failing" ? control::kTemporary : control::kFailed;
}

}  // namespace

int fetch_run(const Context& context, const control::Request& request) {
  const std::string socket = context.directory + "/run/control.sock";
  auto reply = control::ask(socket, request);
  if (!reply && reply.error().is(control::kNotRunning)) {
    reply = ask_or_do(context, request);
    if (reply && reply->exit_code == control::kDone)
      *reply = {.exit_code = control::kTemporary, .error = "the server is not running: it looks when it starts"};
  }
  if (!reply) return report(reply.error());
  if (reply->exit_code != control::kDone) return report(context, *reply);
  const auto begun = object_in(reply->result);
  if (!begun) return report(begun.error());
  control::Request show = request;
  show.verb = "fetch.show";
  for (;;) {
    ::poll(nullptr, 0, kAskEveryMs);
    reply = control::ask(socket, show);
    if (!reply) return report(reply.error());
    if (reply->exit_code != control::kDone) return report(context, *reply);
    const auto box = object_in(reply->result);
    if (!box) return report(box.error());
    if (const auto code = outcome(*box, text(*begun, "last_run"))) return end(context, *reply, *code);
  }
}

}  // namespace angarium::program
