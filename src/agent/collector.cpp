#include "agent/collector.h"

#include <unistd.h>

#include <algorithm>

#include "agent/alias_verbs.h"
#include "agent/local_user.h"
#include "base/log.h"
#include "base/text.h"
#include "drop/options.h"
#include "io/loop.h"
#include "message/address.h"
#include "message/dots.h"
#include "protocol/smtp/reply.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;

/// The message can't be taken, now or ever; the text says why.
constexpr ErrorKind kLater{"agent.drop-later", Fault::dependency, Lasting::temporary};
constexpr ErrorKind kNever{"agent.drop-never", Fault::user, Lasting::permanent};
constexpr ErrorKind kNotYours{"agent.drop-not-yours", Fault::user, Lasting::permanent};

constexpr Duration kLookInterval = std::chrono::seconds(5);
constexpr Duration kPauseFirst = std::chrono::seconds(10);
constexpr Duration kPauseLongest = std::chrono::minutes(10);
/// Files of one look; the next follows at once when there may be more.
constexpr std::size_t kFilesMax = 1000;
/// Octets given to a session at once.
constexpr std::size_t kPart = 64 * 1024;

/// A refusal of the whole message: an address that has just gone is found out at the next attempt.
Result<> judge(const smtp::Reply& reply) {
  if (reply.completed()) return {};
  const bool gone = reply.enhanced.subject == 1;
  return std::unexpected(Error(reply.code < 500 || gone ? kLater : kNever, reply.text));
}

}  // namespace

Collector::Collector(Services& services, TermsInUse terms, std::string folder)
    : services_(services), terms_(std::move(terms)), folder_(std::move(folder)) {}

io::Task<> Collector::run() {
  io::Loop& loop = io::Loop::current();
  if (const auto fit = drop::check_folder(folder_); !fit) {
    log::error("drop", "no mail is taken from the drop folder", {{"error", fit.error().text()}});
    co_return;
  }
  Moment next = loop.now();
  while (!stopped_) {
    if (loop.now() >= next) {
      co_await look();
      next = loop.now() + kLookInterval;
    }
    // Short sleeps, so that draining is not held up.
    co_await loop.sleep_for(std::chrono::seconds(1));
  }
}

io::Task<> Collector::look() {
  io::Loop& loop = io::Loop::current();
  const auto names = co_await io::run(
      services_.pool(), [folder = folder_, now = loop.clock().wall()] { return drop::list(folder, kFilesMax, now); });
  if (!names) {
    log::error("drop", "cannot look into the drop folder", {{"error", names.error().text()}});
    co_return;
  }
  std::erase_if(later_, [&](const auto& one) { return std::ranges::find(*names, one.first) == names->end(); });
  for (const std::string& name : *names) {
    if (stopped_) co_return;
    const auto later = later_.find(name);
    if (later != later_.end() && loop.now() < later->second.at) continue;
    if (auto taken = co_await take(name, std::nullopt); !taken) co_await settle(name, taken.error());
  }
}

/// What becomes of a file that was not taken.
io::Task<> Collector::settle(std::string name, Error error) {
  if (error.is(drop::kGone) || error.is(kNotYours)) co_return;
  if (error.is(drop::kBadFile) || error.is(kNever)) {
    log::error("drop", "set aside", {{"file", folder_ + "/bad/" + name}, {"error", error.text()}});
    const auto aside =
        co_await io::run(services_.pool(), [folder = folder_, name] { return drop::set_aside(folder, name); });
    if (aside) co_return;
    error = aside.error();
  }
  log::warning("drop", "tried again later", {{"file", name}, {"error", error.text()}});
  Later& later = later_[name];
  later.pause = later.pause == Duration::zero() ? kPauseFirst : std::min(later.pause * 2, kPauseLongest);
  later.at = io::Loop::current().now() + later.pause;
}

io::Task<control::Reply> Collector::take_for(std::string name, control::Caller caller) {
  control::Reply reply;
  // Whoever is at it already is not done yet.
  if (in_hand_.contains(name)) co_return reply;
  const auto taken = co_await take(name, caller);
  if (taken) reply.result = drop::kTaken;
  if (taken) co_return reply;
  const Error& error = taken.error();
  if (error.is(drop::kBadFile) || error.is(kNever) || error.is(kNotYours)) {
    reply.exit_code = error.is(kNotYours) ? drop::kExitUnavailable : drop::kExitData;
    reply.error = error.text();
  }
  co_await settle(std::move(name), error);
  co_return reply;
}

io::Task<Result<>> Collector::take(std::string name, std::optional<control::Caller> caller) {
  // Somebody is at it already.
  if (!in_hand_.insert(name).second) co_return Result<>();
  struct Release {
    std::set<std::string>& in_hand;
    const std::string& name;
    ~Release() { in_hand.erase(name); }
  };
  const Release release{in_hand_, name};
  auto reader = CO_TRY(co_await io::run(services_.pool(), [folder = folder_, name] {
    auto opened = drop::Reader::open(folder, name);
    using Shared = Result<std::shared_ptr<drop::Reader>>;
    if (!opened) return Shared(std::unexpected(std::move(opened).error()));
    return Shared(std::make_shared<drop::Reader>(*std::move(opened)));
  }));
  if (caller && caller->uid != 0 && caller->uid != geteuid() && caller->uid != reader->owner())
    co_return fail(kNotYours, "the file is another user's");
  const std::string mark = kDropKeyOctet + name;
  const auto before =
      CO_TRY(co_await io::run(services_.pool(), [&tablet = services_.tablet(), mark] { return tablet.get(mark); }));
  // It came in before the server ended, and only its removal is missing.
  if (!before) CO_TRY(co_await take_new(*reader, mark));
  co_return co_await finish(name, mark);
}

/// The mark goes last: as long as the file may come back, the store knows that it was taken.
io::Task<Result<>> Collector::finish(std::string name, std::string mark) {
  const auto removed =
      co_await io::run(services_.pool(), [folder = folder_, name] { return drop::remove(folder, name); });
  if (removed) {
    store::Batch batch;
    batch.erase(mark);
    if (const auto erased = co_await queue::commit(services_.tablet(), std::move(batch)); !erased)
      log::warning("drop", "a mark stays in the store", {{"file", name}, {"error", erased.error().text()}});
  } else {
    log::error("drop", "a file was taken and cannot be removed", {{"file", name}, {"error", removed.error().text()}});
  }
  co_return Result<>();
}

io::Task<Result<>> Collector::take_new(drop::Reader& reader, const std::string& mark) {
  const std::shared_ptr<const Terms> terms = terms_();
  const drop::Note& note = reader.start().note;
  const std::uint64_t size = reader.start().seal.length;
  if (size > terms->submission.policy.limits.message_octets)
    co_return fail(kNever, "the message is larger than smtp.message_size_max");
  const std::string here = CO_TRY(co_await local_origin(services_, *terms));
  LocalUser user = CO_TRY(co_await local_user(services_, reader.owner()));
  user.mark = mark;
  const envelope::Mailbox author = CO_TRY(drop::qualify(note.sender.empty() ? user.name : note.sender, here));
  user.author = message::format_address(note.name, author.local_part, author.domain, std::string_view("From: ").size());

  smtp::Peer peer;
  peer.remote = io::Endpoint::unix_path(folder_);
  SmtpSession session(terms->submission, peer.remote, std::move(user));
  const auto greeting = CO_TRY(co_await session.connected(peer));
  if (greeting.code != 220) co_return fail(kLater, greeting.text);
  auto accepted = co_await take_envelope(session, note, size, here);
  if (accepted) {
    auto outcome = co_await take_body(services_, session, reader);
    if (outcome) co_return judge(outcome->reply);
    accepted = std::unexpected(std::move(outcome).error());
  }
  const Error error = accepted.error();
  if (error.is(kLater) || error.is(kNever) || error.is(drop::kBadFile)) {
    session.abort();
    co_return std::unexpected(error);
  }
  const smtp::Reply reply = session.reply_to(error);
  session.abort();
  co_return judge(reply);
}

io::Task<Result<>> Collector::take_envelope(SmtpSession& session, const drop::Note& note, std::uint64_t size,
                                            const std::string& origin) {
  const auto qualified = [&](const std::string& address) -> Result<envelope::Mailbox> {
    auto mailbox = drop::qualify(address, origin);
    if (!mailbox) return fail(drop::kBadFile, "'" + escape_controls(address) + "' is no address");
    return mailbox;
  };
  envelope::Sender sender;
  std::vector<envelope::Recipient> recipients;
  bool utf8 = false;
  if (!note.sender.empty()) sender.path.mailbox = CO_TRY(qualified(note.sender));
  if (sender.path.mailbox) utf8 = sender.path.mailbox->needs_utf8();
  for (const std::string& address : note.recipients) {
    envelope::Recipient recipient;
    recipient.path.mailbox = CO_TRY(qualified(address));
    recipient.parameters.notify = note.notify;
    utf8 = utf8 || recipient.path.mailbox.needs_utf8();
    if (std::ranges::find(recipients, recipient) == recipients.end()) recipients.push_back(std::move(recipient));
  }
  sender.parameters.size = size;
  sender.parameters.ret = note.ret;
  sender.parameters.envelope_id = note.envelope_id;
  sender.parameters.body = envelope::Body::eight_bit_mime;
  sender.parameters.smtputf8 = utf8;
  const smtp::Reply opened =
      CO_TRY(co_await session.mail(sender, envelope::DeliveryId::make(io::Loop::current().random())));
  CO_TRY(judge(opened));
  for (const envelope::Recipient& recipient : recipients) {
    const smtp::Reply reply = CO_TRY(co_await session.rcpt(recipient));
    if (!reply.completed()) session.answer_for(recipient, reply);
  }
  const smtp::Reply begun = CO_TRY(co_await session.begin_body());
  if (begun.code >= 400) co_return judge(begun);
  co_return Result<>();
}

io::Task<Result<smtp::Outcome>> Collector::take_body(Services& services, SmtpSession& session, drop::Reader& reader) {
  smtp::BodyFacts facts;
  for (;;) {
    const std::string piece = CO_TRY(co_await io::run(services.pool(), [&reader] { return reader.next(); }));
    if (piece.empty()) break;
    facts.octets += piece.size();
    facts.seen.feed(piece);
    // In parts, so that what is held of a message stays within the buffer of an intake.
    for (std::string_view rest = piece; !rest.empty(); rest.remove_prefix(std::min(rest.size(), kPart))) {
      const smtp::Flow flow = CO_TRY(session.append(rest.substr(0, kPart)));
      if (flow == smtp::Flow::pause) CO_TRY(co_await session.drained());
    }
  }
  co_return co_await session.commit(facts);
}

io::Task<control::Reply> Collector::verify(std::string address) {
  using Kind = account::Resolution::Kind;
  control::Reply reply{.exit_code = drop::kExitNoUser, .error = "<" + escape_controls(address) + "> is no address"};
  const std::shared_ptr<const Terms> terms = terms_();
  const auto here = co_await local_origin(services_, *terms);
  if (!here) co_return control::failure(here.error());
  const auto mailbox = drop::qualify(address, *here);
  if (!mailbox) co_return reply;
  const auto local = terms->courier == nullptr ? nullptr : terms->courier->local;
  const auto sorted = co_await io::run(
      services_.names(), "this host",
      [&services = services_, local, mailbox = *mailbox] { return sort_mail(services, local.get(), mailbox); });
  if (!sorted) co_return control::failure(sorted.error());
  if (const auto* const problem = sorted->temporary()) {
    reply = {.exit_code = drop::kExitAgain, .error = "<" + mailbox->text() + ">: " + problem->text};
    co_return reply;
  }
  if (sorted->kind == Kind::accounts || sorted->kind == Kind::not_local)
    co_return control::Reply{.exit_code = drop::kExitOk, .error = "", .result = sorted_json(*sorted)};
  reply.error = "<" + mailbox->text() + "> would reach nobody";
  co_return reply;
}

control::Handler collection(Collector& collector, control::Handler others) {
  return [&collector, others = std::move(others)](control::Request request, control::Caller caller,
                                                  control::Tell tell) -> io::Task<control::Reply> {
    if (request.verb == "mail.take") co_return co_await collector.take_for(std::string(request.get("file")), caller);
    if (request.verb == "mail.verify") co_return co_await collector.verify(std::string(request.get("address")));
    co_return co_await others(std::move(request), caller, std::move(tell));
  };
}

}  // namespace angarium::agent
