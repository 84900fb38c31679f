// The server's end of the control socket.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "control/request.h"
#include "io/listener.h"
#include "io/stream.h"
#include "io/task.h"

namespace angarium::control {

/// Who asks: the uid at the other end of the socket (SO_PEERCRED).
struct Caller {
  unsigned uid = 0;
};
/// Tells the caller how far the work is; callable from any thread; what is told faster than it can be sent is skipped.
using Tell = std::function<void(Progress)>;
/// Carries out a request. Whether this caller may ask for it is the handler's to judge.
using Handler = std::function<io::Task<Reply>(Request request, Caller caller, Tell tell)>;

/// What goes on after the reply to some verbs, in a language of their own; the caller says nothing more before it has
/// the reply.
using Talk = std::move_only_function<io::Task<>(std::unique_ptr<io::Stream>)>;
struct Opening {
  Reply reply;
  Talk talk;  ///< for a reply of kDone only; has the stream for its own
};
/// Judges the requests for talks; nothing for all other verbs, which go to the handler.
using Opener = std::function<io::Task<std::optional<Opening>>(const Request& request, Caller caller)>;

/// How long a caller may take to send its request or to read its reply.
inline constexpr Duration kPatience = std::chrono::seconds(30);

/// Serves one connection: a request, any number of progress lines, the reply; or a talk.
io::Task<> serve_caller(std::unique_ptr<io::Stream> stream, Caller caller, Handler handler, Opener opener = {});

/// Accepts callers on the current loop until the listener is closed. Streams that do not tell their peer's uid are
/// closed.
io::Task<> serve(std::shared_ptr<io::Listener> listener, Handler handler, Opener opener = {});

}  // namespace angarium::control
