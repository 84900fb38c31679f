// What an SMTP session notes of refusals for the trace: they become part of the story of the message if it is accepted
// after all, and a story of their own if not.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/address.h"
#include "protocol/smtp/backend.h"
#include "trace/ledger.h"

namespace angarium::agent {

trace::Code code_of(const protocol::smtp::ReplyView& reply);

/// Somebody who was turned away before he said anything.
void note_turned_away(trace::Ledger& ledger, trace::Door door, const io::Endpoint& peer,
                      const protocol::smtp::ReplyView& reply);

/// One session's. Holds the transaction at hand, which is written down when the next one begins or the session ends.
class RefusalNotes {
 public:
  explicit RefusalNotes(trace::Ledger& ledger) : ledger_(ledger) {}
  RefusalNotes(const RefusalNotes&) = delete;
  RefusalNotes& operator=(const RefusalNotes&) = delete;
  ~RefusalNotes() { close(); }

  /// Recipients of one transaction that are noted; a client that is refused more has ended by the policy's limits.
  static constexpr std::size_t kRecipientsMax = 100;

  /// A recipient by its address, with what became of it.
  struct Noted {
    std::string address;
    trace::Course course = trace::Course::refused;
    trace::Code code;
  };

  /// `who`: door, peer, name, TLS and login; its texts need not live on.
  void note(const protocol::smtp::Refusal& refusal, const trace::Beginning& who);
  /// The transaction ended without a message; why, notes before or after may say. `body_begun`: it was on its way.
  struct Ended {
    trace::DeliveryId id;
    std::string sender;               ///< without brackets
    std::vector<std::string> let_in;  ///< recipients
    bool body_begun = false;
  };
  void ended(Ended transaction, const trace::Beginning& who);
  /// The recipients that were refused of this transaction; none of others.
  [[nodiscard]] const std::vector<Noted>& refused(trace::DeliveryId id) const;
  /// Its story has them; what is said of it now is no refusal.
  void accepted(trace::DeliveryId id);

 private:
  struct Open {
    trace::Beginning beginning;  ///< with the texts below
    std::string peer;
    std::string helo;
    std::string tls;
    std::string login;
    std::string sender;
    std::string words;
    std::vector<Noted> recipients;
  };
  Open& open(trace::DeliveryId id, const trace::Beginning& who);
  void close();

  trace::Ledger& ledger_;
  std::optional<Open> open_;
  std::optional<trace::DeliveryId> accepted_;
};

}  // namespace angarium::agent
