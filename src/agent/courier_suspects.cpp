// Messages that were in hand when the process crashed: each goes alone, so that the next crash tells which one it is;
// then it is set aside.
#include "agent/attempt_story.h"
#include "agent/courier.h"
#include "agent/postmaster.h"
#include "base/log.h"
#include "io/loop.h"

namespace angarium::agent {
namespace {

/// What crashes the process does so at once, or with the answer of the other side; a suspect whose server takes longer
/// goes on beside the next one.
constexpr Duration kAlone = std::chrono::seconds(10);
/// Suspects that had no turn by then go with all other mail, as suspects still: they expire, and operators reach them.
constexpr Duration kPatience = std::chrono::minutes(5);
constexpr Duration kGlance = std::chrono::milliseconds(20);

}  // namespace

/// A suspect with all of it that may be sent.
struct Courier::Alone {
  queue::InHand::Suspect suspect;
  std::vector<queue::Job> jobs;
};

queue::InHand::Mark Courier::mark(const queue::Job& job) {
  queue::InHand* const in_hand = services_.in_hand();
  if (in_hand == nullptr) return {};
  // None but after a crash. Of one that had its turn the mark is as any other.
  for (const queue::InHand::Suspect& suspect : in_hand->suspects())
    if (suspect.id == job.entry->id) return in_hand->mark(suspect);
  return in_hand->mark(job.entry->id);
}

io::Task<> Courier::take_suspects() {
  queue::InHand* const in_hand = services_.in_hand();
  if (in_hand == nullptr) co_return;
  std::vector<Alone> all;
  for (const queue::InHand::Suspect& suspect : in_hand->suspects()) {
    auto jobs = co_await services_.queue().claim(suspect.id);
    if (!jobs) {
      if (jobs.error().is(queue::kNotQueued)) in_hand->clear(suspect);
      // A store that cannot be read now: it goes with the others, and is suspected by the next process still.
      continue;
    }
    if (suspect.crashes < queue::InHand::kCrashesMax) {
      log::warning("mta", "was in hand when the server crashed; it is tried alone", {{"id", suspect.id.text()}});
      all.push_back({.suspect = suspect, .jobs = *std::move(jobs)});
    } else {
      co_await set_aside(suspect, *std::move(jobs));
    }
  }
  if (!all.empty()) io::Loop::current().spawn(serve_alone(std::move(all)));
}

io::Task<> Courier::set_aside(const queue::InHand::Suspect& suspect, std::vector<queue::Job> jobs) {
  const std::string id = suspect.id.text();
  const auto terms = terms_();
  log::error("mta", "set aside: the server crashed over it",
             {{"id", id}, {"crashes", std::uint64_t{suspect.crashes}}, {"again", "angarium queue release " + id}});
  const std::string text = "The server crashed " + std::to_string(suspect.crashes) +
                           " times in a row while it was sending the message " + id +
                           ".\r\nIt was set aside: it stays in the queue, and nothing is done with it.\r\n\r\n"
                           "    angarium queue show " +
                           id + "\r\n    angarium queue release " + id +
                           "      to try it once more\r\n    angarium queue remove " + id +
                           "\r\n\r\nPlease tell those who make Angarium.\r\n";
  const bool durable = co_await commit_until_durable(
      [&](store::Batch& batch) -> io::Task<Result<std::vector<queue::Change>>> {
        auto told = CO_TRY(co_await tell_postmaster(services_, terms->reports, "A message was set aside: " + id, text,
                                                    jobs.empty() ? nullptr : jobs.front().entry, batch));
        if (!jobs.empty()) put_set_aside(*jobs.front().entry, suspect.crashes, now(), batch);
        std::vector<queue::Change> changes;
        if (told) changes.push_back(*std::move(told));
        for (const queue::Job& job : jobs)
          if (job.consignment.hold == queue::Hold::none)
            changes.push_back(services_.queue().hold(job, queue::Hold::set_aside, batch));
        co_return changes;
      },
      "that a message is set aside");
  for (const queue::Job& job : jobs)
    if (job.consignment.hold != queue::Hold::none) services_.queue().put_back(job);
  // Else the next process sets it aside.
  if (durable) services_.in_hand()->clear(suspect);
}

/// One after the other, beside all else that goes on.
io::Task<> Courier::serve_alone(std::vector<Alone> all) {
  ++tasks_;
  io::Loop& loop = io::Loop::current();
  const auto serve = [](Courier& self, Alone one, std::shared_ptr<bool> done) -> io::Task<> {
    ++self.tasks_;
    {
      const queue::InHand::Mark marked = self.services_.in_hand()->mark(one.suspect);
      for (const queue::Job& job : one.jobs) co_await self.serve_alone(job);
    }
    *done = true;
    --self.tasks_;
  };
  const Moment end = loop.now() + kPatience;
  for (Alone& one : all) {
    // What is not tried any more stays suspected.
    if (stopping_ || loop.now() >= end) {
      for (const queue::Job& job : one.jobs) services_.queue().put_back(job);
      continue;
    }
    const auto done = std::make_shared<bool>(false);
    const Moment next = loop.now() + kAlone;
    loop.spawn(serve(*this, std::move(one), done));
    while (!*done && !stopping_ && loop.now() < next) co_await loop.sleep_for(kGlance);
  }
  --tasks_;
}

io::Task<> Courier::serve_alone(const queue::Job& job) {
  const std::string& destination = job.consignment.destination;
  const auto backoff = co_await services_.queue().find_backoff(destination);
  const bool waits =
      !backoff || (*backoff && (*backoff)->next > now()) || job.consignment.place.due > now().microseconds;
  // While the store has stopped what came of an attempt could not be written down.
  if (waits || stopping_ || job.consignment.hold != queue::Hold::none || !services_.tablet().running()) {
    services_.queue().put_back(job);
    co_return;
  }
  Session session;
  auto trouble = co_await attempt(job, session);
  if (trouble) co_await unreachable(job, *std::move(trouble));
  put_by(session);
}

}  // namespace angarium::agent
