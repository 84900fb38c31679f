// An attempt to lay a message down in a file, or to hand it to a command.
#include <algorithm>

#include "agent/courier_round.h"
#include "agent/queued_message.h"
#include "delivery/delivery.h"
#include "io/loop.h"
#include "message/trace_fields.h"
#include "queue/body.h"

namespace angarium::agent {
namespace {

/// The message as a pool's thread reads it.
class StoredOctets final : public delivery::Octets {
 public:
  StoredOctets(Services& services, queue::EntryPtr entry) : services_(services), entry_(std::move(entry)) {}
  Result<std::string_view> next() override {
    TRY(queue::read_body(services_.tablet(), &services_.keys(), *entry_, offset_, QueuedMessage::kPiece,
                         store::Tier::any, buffer_));
    offset_ += buffer_.size();
    return std::string_view(buffer_);
  }

 private:
  Services& services_;
  queue::EntryPtr entry_;
  std::uint64_t offset_ = 0;
  std::string buffer_;
};

/// With the rights of a user, who may have gone meanwhile.
delivery::Outcome deliver_as(const CourierTerms& terms, const std::string& user, const std::string& target,
                             Sorted::Onward::Chosen chosen, delivery::Letter& letter) {
  using Chosen = cage::Deliver::Chosen;
  const cage::Deliver request{
      .name = user,
      .target = target,
      .chosen = chosen == Sorted::Onward::Chosen::by_operator ? Chosen::by_operator : Chosen::by_user,
      .reverse_path = letter.reverse_path,
      .recipient = letter.recipient,
      .extension = letter.extension,
      .received = letter.received};
  delivery::LetterOctets octets(letter);
  return terms.deliver_as(request, octets);
}

/// Whose trouble it is when it takes long: a user's, or that of the operator's one target.
std::string party_of(const Way& way, const std::string& target) { return way.user.empty() ? " " + target : way.user; }

}  // namespace

/// Each recipient for itself: what one of them gets twice after a sudden end, the others do not. At the end of the
/// server those that are not begun wait for the next start.
io::Task<> Courier::deliver_to_target(Round& round, const Way& way, const std::string& target,
                                      const std::vector<std::size_t>& which) {
  const queue::Job& job = round.job;
  round.visit.emplace(services_.targets());
  for (const std::size_t i : which) {
    if (services_.targets().stopped()) {
      round.cut_short = true;
      co_return;
    }
    const envelope::Mailbox recipient = job.consignment.addressees[i].recipient.path.mailbox;
    auto outcome = co_await io::run(
        services_.targets().pool(), party_of(way, target),
        [&services = services_, entry = job.entry, target, recipient, user = way.user, chosen = way.chosen,
         terms = terms_(), called_off = services_.targets().called_off()]() -> Result<delivery::Outcome> {
          StoredOctets octets(services, entry);
          // What an address itself is sent on to has its field already.
          std::string to = message::compose_delivered_to(recipient.text());
          if (entry->prepended.starts_with(to)) to.clear();
          delivery::Letter letter{
              .reverse_path = entry->sender.path,
              .recipient = recipient,
              .extension = {},
              .received = entry->arrived,
              .fields = message::compose_return_path(entry->sender.path.text()) + to + entry->prepended,
              .message = octets};
          if (!user.empty()) return deliver_as(*terms, user, target, chosen, letter);
          const delivery::Target parsed = TRY(delivery::parse_target(target));
          return delivery::deliver(parsed, std::move(letter), {.call_off = called_off});
        });
    if (!outcome && services_.targets().stopped()) {
      round.cut_short = true;
      co_return;
    }
    Fate& fate = round.fates[i];
    if (!outcome) {
      fate = {.kind = Fate::Kind::owed, .trouble = inner_trouble("4.3.0", outcome.error().text(), now())};
      continue;
    }
    fate.kind = outcome->delivered()   ? Fate::Kind::delivered
                : outcome->temporary() ? Fate::Kind::owed
                                       : Fate::Kind::failed;
    fate.trouble = inner_trouble(outcome->status.text(), outcome->words, now());
  }
}

}  // namespace angarium::agent
