#include "control/server.h"

#include <mutex>

#include "base/log.h"
#include "io/event.h"
#include "io/loop.h"
#include "wire/framing/input.h"

namespace angarium::control {
namespace {

/// The newest progress that was not sent yet; told from any thread.
struct Latest {
  explicit Latest(io::Loop& loop) : event(loop) {}
  io::Event event;
  std::mutex mutex;
  std::optional<Progress> progress;
  bool over = false;
};

/// Sends progress until the work is over; runs beside the handler.
io::Task<> report(io::Stream& stream, std::shared_ptr<Latest> latest, std::shared_ptr<io::Event> done) {
  for (;;) {
    co_await latest->event.wait();
    std::optional<Progress> progress;
    {
      const std::lock_guard lock(latest->mutex);
      progress = std::exchange(latest->progress, std::nullopt);
      if (latest->over) break;
    }
    // A caller that went away is noticed when its reply is sent.
    if (progress) (void)co_await io::write_all(stream, encode(*progress));
  }
  done->set();
}

io::Task<Result<Request>> read_request(io::Stream& stream, wire::Input& input) {
  for (;;) {
    auto line = CO_TRY(input.take_line(kRequestMax));
    if (line) co_return decode_request(line->text);
    CO_TRY(co_await input.more(stream));
  }
}

/// `input`: what came behind the request, which a talk would never see.
io::Task<> hold_talk(std::unique_ptr<io::Stream> stream, const wire::Input& input, Opening opening) {
  if (!input.empty())
    opening = {.reply = failure(Error(kMalformed, "something was sent before the reply")), .talk = {}};
  stream->set_deadline(io::Loop::current().now() + kPatience);
  const std::string reply = encode(opening.reply);
  if (!co_await io::write_all(*stream, reply)) co_return;
  if (opening.reply.exit_code != kDone || !opening.talk) co_return;
  stream->set_deadline(Moment::never());
  co_await opening.talk(std::move(stream));
}

}  // namespace

io::Task<> serve_caller(std::unique_ptr<io::Stream> stream, Caller caller, Handler handler, Opener opener) {
  io::Loop& loop = io::Loop::current();
  stream->set_deadline(loop.now() + kPatience);
  wire::Input input;
  auto request = co_await read_request(*stream, input);
  if (request && opener) {
    auto opening = co_await opener(*request, caller);
    if (opening) {
      co_await hold_talk(std::move(stream), input, *std::move(opening));
      co_return;
    }
  }
  Reply reply;
  if (request) {
    auto latest = std::make_shared<Latest>(loop);
    auto done = std::make_shared<io::Event>(loop);
    stream->set_deadline(Moment::never());
    loop.spawn(report(*stream, latest, done));
    const Tell tell = [weak = std::weak_ptr(latest)](Progress progress) {
      const auto target = weak.lock();
      if (!target) return;
      const std::lock_guard lock(target->mutex);
      if (target->over) return;
      target->progress = progress;
      target->event.set_from_any_thread();
    };
    reply = co_await handler(*std::move(request), caller, tell);
    {
      const std::lock_guard lock(latest->mutex);
      latest->over = true;
    }
    latest->event.set();
    co_await done->wait();
  } else if (request.error().is(kMalformed)) {
    reply = failure(request.error());
  } else {
    co_return;
  }
  stream->set_deadline(loop.now() + kPatience);
  (void)co_await io::write_all(*stream, encode(reply));
}

io::Task<> serve(std::shared_ptr<io::Listener> listener, Handler handler, Opener opener) {
  for (;;) {
    auto stream = co_await listener->accept();
    if (!stream) co_return;
    const auto uid = (*stream)->peer_uid();
    if (!uid) {
      log::warning("control", "a caller without credentials was turned away");
      continue;
    }
    io::Loop::current().spawn(serve_caller(*std::move(stream), Caller{*uid}, handler, opener));
  }
}

}  // namespace angarium::control
