// One attempt: which way each recipient's mail goes, what the other side says, and what is written down of it.
#include <algorithm>

#include "agent/courier_round.h"
#include "agent/deliver_by.h"
#include "agent/departures.h"
#include "agent/forwarding.h"
#include "agent/outgoing.h"
#include "agent/queued_message.h"
#include "base/counters.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "io/loop.h"
#include "message/trace_fields.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;

Counter sent("angarium_messages_sent_total", "Recipients whose mail another server or a mailbox here has taken.");
Counter deferred("angarium_messages_deferred_total", "Recipients whose mail is tried again later.");
Counter bounced("angarium_messages_failed_total", "Recipients whose mail failed for good.");

constexpr const char* kNoAttempt = "no attempt was made yet";

std::string status_text(const smtp::Reply& reply) {
  const smtp::EnhancedCode code = reply.enhanced;
  if (!code.present()) return std::to_string(reply.code / 100) + ".0.0";
  return std::to_string(code.status) + "." + std::to_string(code.subject) + "." + std::to_string(code.detail);
}

std::string reply_text(const smtp::Reply& reply) {
  std::string text = std::to_string(reply.code) + " ";
  if (reply.enhanced.present()) text += status_text(reply) + " ";
  return text + reply.text;
}

/// Errors of the client that mean the message cannot go to this server as it is; nothing else of it was wrong.
std::optional<std::string> unfit_status(const Error& error, const envelope::Envelope& envelope) {
  // RFC 6531 §3.5, §4.4: an address, or the header.
  if (error.is(smtp::kNeedsUtf8)) return envelope::needs_utf8(envelope) ? "5.6.7" : "5.6.9";
  if (error.is(kHeaderNotConvertible)) return "5.6.9";
  // RFC 3463 §3.7: conversion required but not supported.
  if (error.is(smtp::kNeedsEightBit) || error.is(smtp::kNeedsBinary) || error.is(kNotConvertible)) return "5.6.3";
  if (error.is(smtp::kTooBigForServer)) return "5.3.4";
  if (error.is(smtp::kNeedsRequireTls)) return "5.7.30";  // RFC 8689 §4.2.1
  if (error.is(smtp::kNeedsDeliverBy)) return "5.4.7";    // RFC 2852 §4.1.4.1
  return std::nullopt;
}

/// What it means that the message was not even offered.
Fate unsent(const Error& error, const envelope::Envelope& envelope, WallTime at) {
  const auto unfit = unfit_status(error, envelope);
  return {.kind = unfit ? Fate::Kind::failed : Fate::Kind::owed,
          .trouble = unfit ? trouble(*unfit, error.text(), at) : inner_trouble("4.3.0", error.text(), at)};
}

/// RFC 4954 §6: the relay wants us to prove who we are, or to do it better. Not the sender's fault but the operator's.
bool wants_login(const smtp::Reply& reply) { return reply.code == 530 || reply.code == 534 || reply.code == 538; }

/// RFC 4954 §5: who submitted the message, for relays that know us. Of what others brought it is not known: "<>".
envelope::ReversePath submitter_of(const queue::Entry& entry) {
  auto mailbox = envelope::parse_mailbox(entry.submitter);
  return mailbox ? envelope::ReversePath{*std::move(mailbox)} : envelope::ReversePath{};
}

/// From here on a server that knows CHECKPOINT is asked to keep what it has when the connection breaks: below, sending
/// it again takes less than finding out.
constexpr std::uint64_t kCheckpointMin = 1 << 20;
/// Every so many attempts it is left alone, so that one that goes on in the wrong place does not do it for ever.
constexpr std::uint32_t kCheckpointPause = 4;

/// RFC 1845 §3: the same for every attempt with this message to these recipients, and for none else.
std::optional<std::string> transaction_id(const queue::Job& job, const envelope::Envelope& envelope,
                                          const std::string& hostname) {
  const queue::Consignment& consignment = job.consignment;
  if (job.entry->octets() < kCheckpointMin || consignment.attempts % kCheckpointPause == kCheckpointPause - 1)
    return std::nullopt;
  std::string all = consignment.destination;
  for (const envelope::Recipient& one : envelope.recipients) all += '\n' + one.path.text();
  std::string id = "<" + job.entry->id.text() + "." + std::to_string(consignment.place.part) + "." +
                   std::to_string(crc32c(all)) + "@" + hostname + ">";
  return id.size() <= envelope::kTransactionIdMax ? std::optional(std::move(id)) : std::nullopt;
}

}  // namespace

Fate fate_of(const smtp::Reply& reply, const std::string& remote, WallTime at) {
  Fate fate{.kind = Fate::Kind::handed_on,
            .trouble = {.status = status_text(reply), .diagnostic = reply_text(reply), .remote = remote, .at = at}};
  if (reply.transient()) fate.kind = Fate::Kind::owed;
  // RFC 5321 §4.2.1: what is neither 2yz nor 4yz here is no way to success.
  if (!reply.completed() && !reply.transient()) fate.kind = Fate::Kind::failed;
  if (fate.kind == Fate::Kind::failed && !fate.trouble.status.starts_with('5')) fate.trouble.status = "5.0.0";
  if (fate.kind == Fate::Kind::owed && !fate.trouble.status.starts_with('4')) fate.trouble.status = "4.0.0";
  return fate;
}

io::Task<Result<std::vector<Way>>> Courier::ways(const queue::Job& job) {
  std::vector<Wayfarer> wayfarers;
  for (const queue::Addressee& one : job.consignment.addressees)
    wayfarers.push_back({.destination = job.consignment.destination,
                         .recipient = one.recipient.path.mailbox,
                         .sender = job.entry->sender.path});
  co_return co_await io::run(
      services_.pool(),
      [&directory = services_.directory(), terms = terms_(), wayfarers]() -> Result<std::vector<Way>> {
        std::vector<Way> found;
        for (const Wayfarer& one : wayfarers)
          found.push_back(TRY(find_way(directory, terms->local.get(), terms->transports, one, store::Tier::any)));
        return found;
      });
}

io::Task<std::optional<Unreachable>> Courier::attempt(const queue::Job& job, Session& session) {
  Round round{.job = job, .fates = std::vector<Fate>(job.consignment.addressees.size())};
  round.story.began = now();
  if (too_late(*job.entry, now())) {
    round.story.made = false;
    for (std::size_t i = 0; i < round.fates.size(); ++i)
      round.fates[i].trouble = last_words(job.consignment, job.consignment.addressees[i]);
    co_await conclude(round);
    co_return std::nullopt;
  }
  const auto all = co_await ways(job);
  if (!all) {
    for (Fate& fate : round.fates) fate.trouble = inner_trouble("4.3.0", all.error().text(), now());
    co_await conclude(round);
    co_return std::nullopt;
  }
  // Each way once, with all who go it.
  std::vector<bool> done(all->size());
  for (std::size_t i = 0; i < all->size() && !round.settled; ++i) {
    if (done[i]) continue;
    std::vector<std::size_t> which;
    for (std::size_t j = i; j < all->size(); ++j) {
      if (done[j] || (*all)[j].local != (*all)[i].local || (*all)[j].transport != (*all)[i].transport) continue;
      done[j] = true;
      which.push_back(j);
    }
    co_await by_way(round, (*all)[i], std::move(which), session);
  }
  if (round.settled) co_return std::nullopt;
  const auto untried = [](const Fate& fate) { return fate.kind == Fate::Kind::owed && fate.trouble.status.empty(); };
  const bool none_tried = std::ranges::all_of(round.fates, untried);
  if (round.crowded && none_tried && !stopping_) co_return round.crowded;
  if ((round.cut_short || round.crowded) && none_tried) {
    services_.queue().put_back(job);
    co_return std::nullopt;
  }
  const bool nobody = round.unreached && std::ranges::all_of(round.fates, [&](const Fate& fate) {
                        return fate.kind == Fate::Kind::owed && fate.trouble == round.unreached->trouble;
                      });
  if (nobody && now() < job.entry->expires) co_return round.unreached;
  co_await conclude(round);
  co_return std::nullopt;
}

io::Task<> Courier::by_way(Round& round, const Way& way, std::vector<std::size_t> which, Session& session) {
  if (way.local) {
    co_await deliver_here(round, which);
  } else if (const auto* const refuse = std::get_if<route::Refuse>(&way.transport)) {
    Fate fate{.kind = refuse->code < 500 ? Fate::Kind::owed : Fate::Kind::failed,
              .trouble = trouble(refuse->enhanced, refuse->text, now())};
    round.all(which, fate);
  } else if (std::holds_alternative<route::Discard>(way.transport)) {
    round.all(which, {.kind = Fate::Kind::discarded, .trouble = {}});
  } else if (const auto* const to = std::get_if<route::ToTarget>(&way.transport)) {
    if (way.user.empty() || terms_()->deliver_as) {
      co_await deliver_to_target(round, way, to->target, which);
    } else {
      round.all(which,
                {.kind = Fate::Kind::owed,
                 .trouble = inner_trouble("4.3.5", "nobody works with the rights of " + way.user + " here", now())});
    }
  } else {
    // Over a connection that turned round goes what its customer fetches, and by no other goes that.
    Session other;
    const bool fetched = std::holds_alternative<route::ByAtrn>(way.transport);
    co_await send(round, way.transport, which, fetched == (session && session->customers) ? session : other);
    put_by(other);
  }
}

// --- to other servers -----------------------------------------------------------------------------------------------

io::Task<> Courier::send(Round& round, const route::Transport& transport, const std::vector<std::size_t>& which,
                         Session& session) {
  const queue::Job& job = round.job;
  envelope::Envelope envelope{.sender = job.entry->sender, .recipients = {}};
  envelope.sender.parameters.auth = submitter_of(*job.entry);
  for (const std::size_t i : which) envelope.recipients.push_back(job.consignment.addressees[i].recipient);
  const auto* const relay = std::get_if<route::Relay>(&transport);
  // A session that was kept may have been closed by the other side meanwhile: once more with a new one.
  for (int fresh = 0; fresh < 2; ++fresh) {
    std::optional<Unreachable> why;
    if (!co_await get_session(transport, job.consignment.destination, session, why)) {
      if (why->login) co_await tell_of_login(std::get<route::Relay>(transport), why->trouble.diagnostic);
      if (!why->crowded.empty()) {
        round.crowded = std::move(why);
        co_return;
      }
      if (!why->permanent) round.unreached = why;
      round.all(which, {.kind = why->permanent ? Fate::Kind::failed : Fate::Kind::owed, .trouble = why->trouble});
      co_return;
    }
    if (!session->customers) services_.queue().reached(job.consignment.destination);
    round.story.host = session->host;
    round.story.tls = session->tls;
    auto message = co_await outgoing(services_, job.entry, session->client->extensions());
    if (!message) co_return round.all(which, unsent(message.error(), envelope, now()));
    if (message->converted) envelope.sender.parameters.body.reset();
    envelope.sender.parameters.transaction =
        message->converted ? std::nullopt : transaction_id(job, envelope, terms_()->remote->hostname);
    // RFC 2852 §4.1.4: as close to MAIL as can be. Finding the server took its time.
    if (too_late(*job.entry, now()))
      co_return round.all(which, {.kind = Fate::Kind::owed, .trouble = trouble("4.4.7", kNoAttempt, now())});
    envelope.sender.parameters.deliver_by = remaining(*job.entry, now());
    const bool used = session->messages > 0;
    ++session->messages;
    const auto report = co_await session->client->send(envelope, message->facts, *message->source);
    if (report) {
      if (report->resumed_at > 0)
        log::info("mta", "went on where it had stopped",
                  {{"id", job.entry->id.text()}, {"host", session->name}, {"octets", report->resumed_at}});
      for (std::size_t i = 0; i < which.size(); ++i) {
        Fate fate = fate_of(report->recipients[i], session->name, now());
        // RFC 3461 §5.2.1: a server that knows DSN answers for what follows.
        if (fate.kind == Fate::Kind::handed_on && !report->dsn) fate.kind = Fate::Kind::relayed;
        const Keeps keeps = report->deliver_by ? Keeps::yes : Keeps::no;
        fate.by_time = tells_of_relay(*job.entry, keeps, now());
        if (fate.kind == Fate::Kind::handed_on && fate.by_time) fate.kind = Fate::Kind::relayed;
        if (relay != nullptr && wants_login(report->recipients[i])) {
          fate.kind = Fate::Kind::owed;
          fate.trouble.status = "4.7.0";
          co_await tell_of_login(*relay, fate.trouble.diagnostic);
        }
        round.fates[which[i]] = std::move(fate);
      }
      if (session->client->closed()) put_by(session);
      co_return;
    }
    const Error& error = report.error();
    if (unfit_status(error, envelope)) co_return round.all(which, unsent(error, envelope, now()));
    Fate fate{.kind = Fate::Kind::owed, .trouble = trouble("4.4.2", error.text(), now())};
    fate.trouble.remote = session->name;
    round.all(which, fate);
    // Refusals stand though the connection was lost afterwards.
    const std::vector<smtp::Reply>& known = session->client->known().recipients;
    for (std::size_t i = 0; i < which.size() && i < known.size(); ++i)
      if (known[i].code != 0) round.fates[which[i]] = fate_of(known[i], session->name, now());
    drop(session);
    // Only where nothing was sent: after the last dot it may have been taken.
    if (!used || !error.is(smtp::kOver)) co_return;
  }
}

// --- to mailboxes here ----------------------------------------------------------------------------------------------

/// The first recipient that can be delivered to, by one batch with what is written down of it, so that nobody gets
/// anything twice; the others are due again at once. When there is none, all have their fates.
io::Task<> Courier::deliver_here(Round& round, const std::vector<std::size_t>& which) {
  const std::vector<queue::Addressee>& all = round.job.consignment.addressees;
  for (const std::size_t i : which) {
    std::vector<queue::Addressee> others = all;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    auto fate = co_await deliver_one(round.job, all[i].recipient, std::move(others));
    round.settled = !fate || fate->kind == Fate::Kind::delivered;
    if (fate && round.settled) sent.add();
    if (round.settled) co_return;
    round.fates[i] = *std::move(fate);
  }
}

/// What an alias sends on from a message that waited: new entries, in the batch that ends the old one.
io::Task<Result<std::vector<queue::Change>>> Courier::send_on(const queue::Job& job,
                                                              const envelope::Recipient& recipient,
                                                              const Sorted& sorted, store::Batch& batch) {
  Departures departures;
  departures.forward(recipient, sorted);
  queue::Entry entry = *job.entry;
  entry.id = envelope::DeliveryId::make(io::Loop::current().random());
  Departures::Terms leaving{.priority = 9 - job.consignment.rank, .told_of = job.entry->id};
  const auto local = terms_()->local;
  if (departures.forwards_far() && local != nullptr)
    leaving.forwarded_from =
        CO_TRY(co_await io::run(services_.pool(), [&services = services_, local, sender = entry.sender.path] {
          return forwarding_sender(services, *local, sender);
        }));
  co_return departures.admit(services_, entry, leaving, std::nullopt, batch);
}

io::Task<std::optional<Fate>> Courier::deliver_one(const queue::Job& job, const envelope::Recipient& recipient,
                                                   std::vector<queue::Addressee> others) {
  const auto owed = [&](std::string status, const std::string& words) {
    return Fate{.kind = Fate::Kind::owed, .trouble = trouble(std::move(status), words, now())};
  };
  const auto inner = [&](const std::string& words) {
    return Fate{.kind = Fate::Kind::owed, .trouble = inner_trouble("4.3.0", words, now())};
  };
  const envelope::Mailbox& mailbox = recipient.path.mailbox;
  const auto sorted = co_await io::run(
      services_.names(), "queue",
      [&services = services_, local = terms_()->local, mailbox] { return sort_mail(services, local.get(), mailbox); });
  if (!sorted) co_return inner(sorted.error().text());
  if (const auto* const problem = sorted->temporary())
    co_return Fate{.kind = Fate::Kind::owed, .trouble = trouble_of(*problem, now())};
  using Kind = account::Resolution::Kind;
  if (sorted->kind == Kind::not_local) co_return owed("4.4.3", "the domain was taken away from this host a moment ago");
  if (sorted->kind != Kind::accounts)
    co_return Fate{.kind = Fate::Kind::failed, .trouble = trouble_of(sorted->problems.front(), now())};
  auto content = co_await content_of(services_, job.entry);
  if (!content) co_return inner(content.error().text());
  mailbox::Delivery delivery;
  delivery.content = *std::move(content);
  delivery.together = mailbox::Together::all_or_nothing;
  const envelope::ReversePath& sender = job.entry->sender.path;
  for (const account::Destination& account : sorted->accounts) {
    const bool owned = !account.owner.empty() && sender.mailbox;
    delivery.recipients.push_back(
        {.account = account.id,
         .prepended = message::compose_return_path(owned ? "<" + account.owner + ">" : sender.text()) +
                      message::compose_delivered_to(account.address)});
  }
  auto admitted = co_await send_on(job, recipient, *sorted, delivery.also);
  if (!admitted) co_return inner(admitted.error().text());
  std::vector<queue::Change> changes = *std::move(admitted);
  changes.push_back(
      services_.queue().settle(job, std::move(others), now(), delivery.also, queue::Queue::Attempt::not_made));
  delivery.record = [&](const std::vector<Result<mailbox::Delivered>>& copies, store::Batch& batch) {
    put_delivered(job, recipient, *sorted, copies, now(), batch);
  };
  Told told = told_of(recipient, *sorted, now());
  std::vector<std::pair<queue::EntryPtr, Reported>> reports;
  if (told.sender) reports.emplace_back(job.entry, *std::move(told.sender));
  if (told.owner) {
    auto owned = of_owner(*job.entry, told.owner_address);
    if (!owned) {
      for (queue::Change& change : changes) change.refused();
      co_return inner(owned.error().text());
    }
    reports.emplace_back(std::make_shared<const queue::Entry>(*std::move(owned)), *std::move(told.owner));
  }
  for (auto& [entry, one] : reports) {
    auto reported = co_await report(entry, std::vector<Reported>{std::move(one)}, delivery.also);
    if (!reported) {
      for (queue::Change& change : changes) change.refused();
      co_return inner(reported.error().text());
    }
    if (*reported) changes.push_back(**std::move(reported));
  }
  const auto outcome = co_await services_.mail().deliver(std::move(delivery));
  if (outcome) {
    for (queue::Change& change : changes) change.done();
    log::info("mta", "delivered", {{"id", job.entry->id.text()}, {"to", mailbox.text()}});
    co_return Fate{.kind = Fate::Kind::delivered, .trouble = {}};
  }
  const Error& error = outcome.error();
  if (error.is(store::kStopped)) co_return std::nullopt;
  for (queue::Change& change : changes) change.refused();
  if (error.is(mailbox::kOverQuota)) co_return owed("4.2.2", "<" + mailbox.text() + "> is over quota");
  if (error.is(mailbox::kNoMailbox)) co_return owed("4.2.1", "<" + mailbox.text() + "> has no mailbox now");
  co_return inner(error.text());
}

// --- what came of it ------------------------------------------------------------------------------------------------

io::Task<Result<std::optional<queue::Change>>> Courier::report(queue::EntryPtr entry, std::vector<Reported> recipients,
                                                               store::Batch& batch) {
  return tell_sender(services_, terms_()->reports, std::move(entry), std::move(recipients), batch);
}

io::Task<> Courier::conclude(Round& round) {
  const queue::Job& job = round.job;
  const auto terms = terms_();
  const WallTime at = now();
  const bool over = at >= job.entry->expires;
  std::vector<envelope::Recipient> all;
  for (const queue::Addressee& addressee : job.consignment.addressees) all.push_back(addressee.recipient);
  std::vector<queue::Addressee> owed;
  std::vector<Reported> reported;
  for (std::size_t i = 0; i < round.fates.size(); ++i) {
    Fate fate = round.fates[i];
    queue::Addressee addressee = job.consignment.addressees[i];
    if (fate.kind == Fate::Kind::owed && !fate.trouble.status.empty()) addressee.trouble = fate.trouble;
    if (fate.kind == Fate::Kind::owed && over) {
      fate.kind = Fate::Kind::failed;
      if (addressee.trouble) fate.trouble = *addressee.trouble;
      // RFC 3463: delivery time expired. The words of the last attempt stay.
      fate.trouble.status = "5.4.7";
    }
    log::info("mta",
              fate.kind == Fate::Kind::owed     ? "deferred"
              : fate.kind == Fate::Kind::failed ? "failed"
                                                : "sent",
              {{"id", job.entry->id.text()},
               {"to", addressee.recipient.path.mailbox.text()},
               {"host", fate.trouble.remote},
               {"reply", fate.trouble.diagnostic}});
    (fate.kind == Fate::Kind::owed ? deferred : fate.kind == Fate::Kind::failed ? bounced : sent).add();
    if (fate.kind == Fate::Kind::owed) {
      owed.push_back(std::move(addressee));
    } else {
      reported.push_back({.addressee = std::move(addressee), .fate = std::move(fate)});
    }
  }
  WallTime due{now().microseconds +
               retry_pause(*terms, job.consignment.attempts + 1, io::Loop::current().random()).count()};
  // The rest has its turn with the next start of the server, or with a place of its site: unless others among them were
  // tried, who would be tried again at once.
  const bool only_crowded = round.crowded && std::ranges::none_of(round.fates, [](const Fate& fate) {
                              return fate.kind == Fate::Kind::owed && !fate.trouble.status.empty();
                            });
  if (round.cut_short || only_crowded) due = now();
  // RFC 5321 §4.5.3.1.10: more recipients than the server takes at once; the rest follow the others.
  if (!reported.empty() && std::ranges::all_of(owed, [](const queue::Addressee& one) {
        return one.trouble && one.trouble->status == "4.5.3";
      }))
    due = now();
  co_await commit_until_durable(
      [&](store::Batch& batch) -> io::Task<Result<std::vector<queue::Change>>> {
        std::vector<queue::Change> changes;
        changes.push_back(
            services_.queue().settle(job, owed, std::min(due, std::max(now(), job.entry->expires)), batch));
        round.story.put(all, round.fates, over, {}, at, batch);
        auto told = co_await report(job.entry, reported, batch);
        if (!told) {
          for (queue::Change& change : changes) change.refused();
          co_return std::unexpected(std::move(told).error());
        }
        if (*told) changes.push_back(**std::move(told));
        co_return changes;
      },
      "what came of an attempt");
}

queue::Trouble Courier::last_words(const queue::Consignment& consignment, const queue::Addressee& addressee) {
  if (auto backoff = services_.queue().backoff(consignment.destination);
      backoff && (!addressee.trouble || backoff->trouble.at > addressee.trouble->at))
    return std::move(backoff->trouble);
  return addressee.trouble.value_or(trouble("4.4.7", kNoAttempt, now()));
}

/// An entry whose sender waits for news: a notice, or the end.
io::Task<Result<>> Courier::end_one(queue::DeliveryId id) {
  const queue::Whole whole = CO_TRY(co_await services_.queue().find(id));
  if (now() >= whole.entry->expires) {
    bool held = false;
    for (queue::Job& job : CO_TRY(co_await services_.queue().claim(id))) {
      if (job.consignment.hold != queue::Hold::none) {
        held = true;
        services_.queue().put_back(job);
        continue;
      }
      Round round{.job = job, .fates = std::vector<Fate>(job.consignment.addressees.size())};
      round.story.made = false;
      for (std::size_t i = 0; i < round.fates.size(); ++i)
        round.fates[i].trouble = last_words(job.consignment, job.consignment.addressees[i]);
      co_await conclude(round);
    }
    if (!held) co_return Result<>();
    store::Batch batch;
    services_.queue().postpone(*whole.entry, {now().microseconds + Duration(std::chrono::hours(24)).count()}, batch);
    co_return co_await queue::commit(services_.tablet(), std::move(batch));
  }
  // RFC 2852 §4.1.3: the notice is of the time that has come.
  const auto by = deliver_by_time(*whole.entry);
  const bool by_time = by && now() >= *by;
  std::vector<Reported> delayed;
  for (const queue::Whole::Part& part : whole.parts) {
    for (const queue::Addressee& addressee : part.consignment.addressees) {
      Fate fate{.kind = Fate::Kind::owed, .trouble = last_words(part.consignment, addressee)};
      if (by_time) fate.trouble.status = "4.4.7";
      delayed.push_back({.addressee = addressee, .fate = std::move(fate)});
    }
  }
  store::Batch batch;
  services_.queue().noticed(*whole.entry, batch);
  auto told = CO_TRY(co_await report(whole.entry, std::move(delayed), batch));
  auto outcome = co_await queue::commit(services_.tablet(), std::move(batch));
  if (told && outcome) told->done();
  if (told && !outcome && !outcome.error().is(store::kStopped)) told->refused();
  co_return outcome;
}

}  // namespace angarium::agent
