#include <algorithm>

#include "agent/attempt_story.h"
#include "agent/fetch_run.h"
#include "base/counters.h"
#include "io/loop.h"
#include "message/header.h"
#include "message/trace_fields.h"

namespace angarium::agent {
namespace {

Counter fetched("angarium_fetched_messages_total", "Messages that were fetched from other hosts.");

/// Octets of a header in which a date is looked for.
constexpr std::size_t kDateOctets = 64u << 10;
/// What a Received field says of days before this, or of more than a day from now, is no arrival: 1980.
constexpr std::int64_t kFirstArrival = 315'532'800;
constexpr std::int64_t kDaySeconds = 86'400;

/// What the story of a message that is fetched points to.
struct Origin {
  std::string peer;
  std::string tls;
};

Origin origin_of(const FetchRun& run) {
  Origin origin;
  const io::Endpoint& peer = run.connection->peer();
  if (peer.is_ip()) origin.peer = peer.address().octets();
  if (const wire::TlsInfo* const info = run.connection->tls()) origin.tls = info->version + " " + info->cipher;
  return origin;
}

/// For the trace: where it came from.
trace::Beginning begin_story(const FetchRun& run, const Origin& origin, envelope::DeliveryId id) {
  const fetch::Box& box = *run.box;
  trace::Beginning story;
  story.id = id;
  story.at = io::Loop::current().clock().wall();
  story.door = box.protocol == fetch::Protocol::pop3 ? trace::Door::pop3 : trace::Door::imap;
  story.peer = origin.peer;
  story.helo = box.host;
  story.tls = origin.tls;
  story.login = box.name;
  story.has_sender = false;
  story.recipients = {{.address = box.address, .course = trace::Course::here, .code = {}}};
  return story;
}

/// And where its copy lies.
void put_fetched(const FetchRun& run, envelope::DeliveryId id, const mailbox::Content& content,
                 const std::vector<Result<mailbox::Delivered>>& copies, store::Batch& batch) {
  if (!copies.front()) return;
  const Origin origin = origin_of(run);
  trace::Beginning story = begin_story(run, origin, id);
  story.places = {{.recipient = 0,
                   .account = run.box->account,
                   .mailbox = copies.front()->mailbox,
                   .uid = copies.front()->uid,
                   .email = copies.front()->email}};
  story.octets = content.size();
  story.message_id = bare_message_id(content.facts.message_id);
  std::string scratch;
  run.services.ledger().accept(story, scratch, batch);
}

}  // namespace

void FetchTaking::begin() {
  intake_ = run_.services.mail().intake(mailbox::Arrival::ordinary);
  header_.clear();
  octets_ = 0;
  too_large_ = false;
}

io::ValueOrTask<Result<>> FetchTaking::append(std::string_view octets) {
  octets_ += octets.size();
  if (too_large_) return Result<>();
  header_ += octets.substr(0, kDateOctets - std::min(kDateOctets, header_.size()));
  auto taken = intake_->append(octets);
  if (!taken && taken.error().is(store::kTooLarge)) {
    too_large_ = true;
    intake_.reset();
    return Result<>();
  }
  if (!taken || !intake_->full()) return taken;
  return intake_->drain();
}

/// As by fetchmail and getmail: one field more, and the header as the other host gave it, Return-Path too.
std::string FetchTaking::trace_field(envelope::DeliveryId id) const {
  const io::Endpoint& peer = run_.connection->peer();
  std::string literal;
  if (peer.is_ip())
    literal = (peer.address().family() == io::IpAddress::Family::v4 ? "[" : "[IPv6:") + peer.address().text() + "]";
  const fetch::Box& box = *run_.box;
  const std::string how = std::string("fetched by ") + (box.protocol == fetch::Protocol::pop3 ? "POP3" : "IMAP");
  std::string tls;
  if (const wire::TlsInfo* const info = run_.connection->tls()) tls = info->version + " " + info->cipher;
  const std::string for_path = "<" + box.address + ">";
  message::ReceivedFacts facts;
  facts.helo = box.host;
  facts.peer_literal = literal;
  facts.by = run_.hostname;
  facts.by_comment = how;
  facts.tls = tls;
  const std::string name = id.text();
  facts.id = name;
  facts.for_path = for_path;
  facts.date = message::DateTime::at(io::Loop::current().clock().wall());
  return message::compose_received(facts);
}

std::optional<mailbox::Received> FetchTaking::arrival() const {
  const message::Header fields(header_);
  const auto received = fields.find("Received");
  if (!received) return std::nullopt;
  const auto date = message::parse_received(received->value).date;
  if (!date) return std::nullopt;
  const WallTime at = date->instant();
  const std::int64_t latest = io::Loop::current().clock().wall().seconds() + kDaySeconds;
  if (at.seconds() < kFirstArrival || at.seconds() > latest) return std::nullopt;
  return mailbox::Received{.at = at, .zone_minutes = date->zone_unknown ? 0 : date->zone_minutes};
}

void FetchTaking::pass_over(std::string_view message, std::string_view why) const {
  const Origin origin = origin_of(run_);
  trace::Beginning story = begin_story(run_, origin, envelope::DeliveryId::make(io::Loop::current().random()));
  story.recipients.front().course = trace::Course::refused;
  // RFC 3463 §3.4: of a size, or of what nobody can read.
  story.recipients.front().code = too_large_ ? trace::Code{.reply = 552, .status = 5, .subject = 3, .detail = 4}
                                             : trace::Code{.reply = 554, .status = 5, .subject = 6, .detail = 0};
  story.octets = octets_;
  const std::string words = std::string(message) + " is not fetched, and stays there: " + std::string(why);
  story.refusal = {.step = trace::Step::data, .code = story.recipients.front().code, .words = words};
  run_.services.ledger().refuse(story);
}

io::Task<Result<>> FetchTaking::deliver(mailbox::DeliveryTarget target, std::optional<mailbox::Received> date,
                                        std::string key, std::string value) {
  const auto intake = std::move(intake_);
  mailbox::Delivery delivery;
  delivery.content = CO_TRY(co_await intake->finish());
  const auto id = envelope::DeliveryId::make(io::Loop::current().random());
  delivery.recipients.push_back(
      {.account = run_.box->account, .prepended = trace_field(id), .targets = {std::move(target)}});
  // What says that it was fetched becomes durable with the message, or neither does.
  delivery.together = mailbox::Together::all_or_nothing;
  delivery.also.put(key, value);
  delivery.received = date;
  delivery.record = [this, id, content = delivery.content](const std::vector<Result<mailbox::Delivered>>& copies,
                                                           store::Batch& batch) {
    put_fetched(run_, id, *content, copies, batch);
  };
  const auto delivered = CO_TRY(co_await run_.services.mail().deliver(std::move(delivery)));
  if (!delivered.front()) co_return std::unexpected(delivered.front().error());
  ++run_.taken;
  ++run_.progress.messages;
  fetched.add();
  co_return Result<>();
}

io::Task<Result<>> check_key(FetchRun& run) {
  const wire::TlsInfo* const tls = run.connection->tls();
  if (run.box->certificate == fetch::Certificate::checked || tls == nullptr) co_return Result<>();
  if (tls->peer_key.empty()) co_return fail(kFetchRefused, "the server shows no certificate at all");
  io::Pool& pool = run.services.pool();
  fetch::Pin pin = CO_TRY(co_await io::run(pool, [&boxes = run.boxes, id = run.box->id] { return boxes.pin(id); }));
  const std::string& shown = tls->peer_key;
  if (shown == pin.known && pin.refused.empty()) co_return Result<>();
  const bool believed = pin.known.empty() || shown == pin.known;
  // As ssh does: whoever is there the first time is the one.
  pin = believed ? fetch::Pin{.known = shown, .refused = {}} : fetch::Pin{.known = pin.known, .refused = shown};
  CO_TRY(co_await io::run(pool, [&boxes = run.boxes, id = run.box->id, pin] { return boxes.put_pin(id, pin); }));
  if (believed) co_return Result<>();
  co_return fail(kFetchRefused, "the server shows another key than before, when it was sha256:" + pin.known +
                                    "; somebody may sit between. If it is the server's: angarium fetch resume " +
                                    run.box->address + " " + run.box->name + " --key sha256:" + shown);
}

io::Task<Result<>> make_mailbox_here(FetchRun& run, std::string name) {
  const auto mail = CO_TRY(co_await run.services.mail().account(run.box->account));
  const auto* const there = mail->listing()->find(name);
  if (there != nullptr && there->selectable) co_return Result<>();
  const auto made = co_await mail->create(name);
  if (!made && !made.error().is(mailbox::kMailboxExists)) co_return std::unexpected(made.error());
  co_return Result<>();
}

}  // namespace angarium::agent
