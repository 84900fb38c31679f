#include "protocol/imap/progress.h"

namespace angarium::protocol::imap {

Progress::Progress(Session& session, std::string_view tag) : session_(session), tag_(tag) {
  session_.progress = this;
  arm();
}

void Progress::arm() {
  auto& loop = io::Loop::current();
  loop.timers().set(*this, loop.now() + kProgressEvery);
}

void Progress::fire() {
  arm();
  // Who does not read has news enough.
  if (paused_ || session_.output.size() > wire::Output::kHighWater) return;
  // RFC 9585 §4: a tag with "]" would end the code.
  std::string code = "INPROGRESS (" + (tag_.contains(']') ? "NIL" : '"' + tag_ + '"');
  // PROGRESS is below GOAL, or both are unknown.
  const bool known = done_ < goal_;
  code += known ? " " + std::to_string(done_) + " " + std::to_string(goal_) + ")" : " NIL NIL)";
  session_.untagged(Status::ok, "Still at work", code);
  if (!session_.output.flush_some(session_.connection())) session_.hung_up = true;
}

}  // namespace angarium::protocol::imap
