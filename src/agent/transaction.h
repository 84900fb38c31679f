// SMTP, submission and LMTP answered by the house: the port of protocol/smtp over directory and mailboxes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/budget.h"
#include "agent/checkpoints.h"
#include "agent/courier.h"
#include "agent/credential.h"
#include "agent/delivered_header.h"
#include "agent/delivered_to.h"
#include "agent/departures.h"
#include "agent/odmr.h"
#include "agent/rate.h"
#include "agent/received_counter.h"
#include "agent/refusal_notes.h"
#include "agent/report.h"
#include "agent/services.h"
#include "agent/sorting.h"
#include "agent/submission.h"
#include "agent/way.h"
#include "mailbox/content.h"
#include "protocol/smtp/backend.h"
#include "protocol/smtp/policy.h"

namespace angarium::agent {

/// What the sessions of one listener share. Outlives them.
struct SmtpDesk {
  Services& services;
  Budget& budget;
  Rate& rate;  ///< messages by address, role mx only
  protocol::smtp::Policy policy;
  /// How mail leaves this host; null: it does not, and only recipients here are taken.
  std::shared_ptr<const CourierTerms> outbound = nullptr;
  /// Whose clients may send anywhere without logging in.
  std::vector<io::Prefix> relay_networks = {};
  /// Whose mail is taken from anybody; see RelayDomains.
  RelayDomains relay_domains = {};
  /// Who fetches the mail of which domains, which is taken from anybody.
  OdmrCustomers odmr = {};
  /// Whose hosts may have the queue of a relayed domain started (ETRN).
  std::vector<io::Prefix> etrn_networks = {};
  /// Octets of transactions that broke off which are kept (CHECKPOINT); 0: none.
  std::uint64_t checkpoint_octets = 0;
  /// Who may ask by VRFY and EXPN.
  configuration::Vrfy vrfy = configuration::Vrfy::users;
  LoginTerms logins = {};
};

/// A user of this host who hands mail in through the drop folder or the control socket, which stands for a login: the
/// kernel says who it is.
struct LocalUser {
  unsigned uid = 0;
  std::string name;    ///< of the system's account
  std::string author;  ///< "Anna B <anna@example.test>": From, where the message has none
  std::string mark;    ///< a key of the store that the accepting batch makes; empty: none
};

/// One session. Every accepted message is in its recipients' mailboxes by one durable batch before its 250 is said.
class SmtpSession final : public protocol::smtp::Session {
 public:
  SmtpSession(const SmtpDesk& desk, const io::Endpoint& peer);
  /// `desk` is one of submission.
  SmtpSession(const SmtpDesk& desk, const io::Endpoint& peer, LocalUser user);
  SmtpSession(const SmtpSession&) = delete;
  SmtpSession& operator=(const SmtpSession&) = delete;
  ~SmtpSession() override { let_go(); }

  io::Task<Result<protocol::smtp::Reply>> connected(const protocol::smtp::Peer& peer) override;
  wire::saslsec::Desk& credentials() override { return credentials_; }
  io::Task<Result<>> authenticated(const sasl::Identity& identity) override;
  void forgotten() override { stay_ = {}; }
  io::ValueOrTask<Result<protocol::smtp::Reply>> mail(const envelope::Sender& sender, envelope::DeliveryId id) override;
  io::ValueOrTask<Result<protocol::smtp::Reply>> rcpt(const envelope::Recipient& recipient) override;
  io::ValueOrTask<Result<protocol::smtp::Reply>> begin_body() override;
  Result<protocol::smtp::Flow> append(std::string_view octets) override;
  io::ValueOrTask<Result<>> drained() override;
  io::Task<Result<std::unique_ptr<protocol::smtp::UrlContent>>> open_url(std::string url) override;
  io::Task<Result<protocol::smtp::Outcome>> commit(const protocol::smtp::BodyFacts& facts) override;
  void abort() override;
  void note(const protocol::smtp::Refusal& refusal) override;
  io::Task<Result<std::optional<protocol::smtp::Checkpoint>>> resume(const envelope::Sender& sender,
                                                                     envelope::DeliveryId id) override;
  io::Task<> ended(protocol::smtp::Ending ending) override;
  protocol::smtp::Reply reply_to(const Error& error) override;
  io::Task<Result<protocol::smtp::Reply>> vrfy(std::string_view text, envelope::Utf8 utf8) override;
  io::Task<Result<protocol::smtp::Reply>> expn(std::string_view text, envelope::Utf8 utf8) override;
  io::Task<Result<protocol::smtp::Reply>> etrn(std::string_view domain) override;
  io::Task<Result<protocol::smtp::Reply>> atrn(const std::vector<std::string>& domains) override;
  io::Task<> turned(wire::Connection& connection) override;
  void offence(protocol::smtp::Offence kind) override;

  /// Who sends over a connection that turned round; it runs on the loop of the session, and outlives it.
  void turn_to(Courier* courier) { courier_ = courier; }
  /// Whose certificate a client may log in by.
  void attach(const wire::Connection& connection) { credentials_.attach(connection); }
  /// As CredentialDesk::on_withdrawn().
  void on_withdrawn(Logins::Ends ends) { credentials_.on_withdrawn(std::move(ends)); }
  /// Messages so far.
  [[nodiscard]] std::uint64_t accepted() const { return accepted_; }

  /// Takes on a recipient that rcpt() has refused with this: what may go away by itself is tried from the queue, for
  /// the rest the accepting batch holds a report. For who cannot be told at once.
  void answer_for(const envelope::Recipient& recipient, const protocol::smtp::Reply& refused);

  /// What MAIL and the accepted RCPTs said, also which reports they want (RFC 3461 §4); null between transactions.
  [[nodiscard]] const envelope::Envelope* envelope() const { return transaction_ ? &transaction_->envelope : nullptr; }

 private:
  /// One RCPT and the accounts it stands for.
  struct Rcpt {
    std::string address;                ///< as the client wrote it, without brackets
    std::vector<std::size_t> accounts;  ///< indexes into Transaction::accounts; none: it is elsewhere, or failed
    std::optional<queue::Trouble> failed = {};  ///< its sender gets a report
    std::optional<Fate::Kind> fate = {};        ///< what a report of success says; nothing: others tell
    trace::Course course = trace::Course::here;
  };
  struct Transaction {
    envelope::DeliveryId id;
    WallTime began;
    WallTime arrived;  ///< with its end of data
    envelope::Envelope envelope;
    std::optional<account::Account> submitter;
    std::vector<Rcpt> rcpts;                     ///< one for each recipient of the envelope
    std::vector<account::Destination> accounts;  ///< each once, whichever RCPTs lead to it
    Departures departures;                       ///< what the queue gets
    std::vector<Reported> lost;                  ///< addresses a part of which nobody can reach
    std::vector<Told> lost_of_lists;             ///< the same, which owners of lists are told
    DeliveredTo sent_on_by;                      ///< fed where there are departures
    std::unique_ptr<mailbox::Intake> intake;
    Budget::Hold hold;
    ReceivedCounter received;
    DeliveredHeader delivered;                 ///< of what others bring
    std::optional<SubmissionHeader> header;    ///< role submission only
    std::optional<OpenCheckpoint> checkpoint;  ///< MAIL said TRANSID
    std::optional<KeptTransaction> goes_on;    ///< behind what is kept, once its body begins
    std::optional<std::string> told;           ///< it was accepted by an earlier session: what is said of it
  };

  /// Null: the host has no names of its own.
  [[nodiscard]] const std::shared_ptr<const LocalTerms>& local_terms() const {
    static const std::shared_ptr<const LocalTerms> kNone;
    return desk_.outbound == nullptr ? kNone : desk_.outbound->local;
  }
  /// The account of who has logged in.
  [[nodiscard]] bool submission() const { return desk_.policy.role == protocol::smtp::Role::submission; }
  // Checkpoints (transaction_checkpoint.cpp).
  [[nodiscard]] std::optional<CheckpointName> checkpoint_name(const std::string& id) const;
  /// The client goes on to another transaction: it knows how those before ended.
  io::Task<> conclude();
  void let_go();
  io::Task<Result<protocol::smtp::Reply>> mail_after_others(envelope::Sender sender, envelope::DeliveryId id);
  /// False: it cannot go on as it was, and begins anew.
  io::Task<Result<bool>> reopen(const envelope::Sender& sender, envelope::DeliveryId id, const KeptTransaction& kept);
  io::Task<Result<bool>> replay(const KeptTransaction& kept);
  io::Task<Result<protocol::smtp::Reply>> go_on();
  io::Task<Result<>> drain_and_keep();
  Result<protocol::smtp::Flow> take_in(std::string_view octets);
  io::ValueOrTask<Result<protocol::smtp::Reply>> begin(const envelope::Sender& sender, envelope::DeliveryId id);
  protocol::smtp::Reply open_intake();

  io::Task<Result<protocol::smtp::Reply>> mail_submitted(const envelope::Sender& sender, envelope::DeliveryId id);
  protocol::smtp::Reply open(const envelope::Sender& sender, envelope::DeliveryId id);
  [[nodiscard]] bool is_settled(const account::Resolution& resolution, const envelope::Mailbox& mailbox) const;
  io::Task<Result<protocol::smtp::Reply>> rcpt_sorted(const envelope::Recipient& recipient);
  io::Task<Result<protocol::smtp::Reply>> take(const envelope::Recipient& recipient,
                                               std::shared_ptr<const account::Resolution> resolution);
  io::Task<Result<std::optional<protocol::smtp::Reply>>> check_room(const std::vector<account::Destination>& accounts,
                                                                    const std::string& address);
  void take_accounts(const envelope::Recipient& recipient, const std::vector<account::Destination>& accounts,
                     Rcpt taken);
  static protocol::smtp::Reply refusal(account::Resolution::Kind kind, const std::string& address);
  static protocol::smtp::Reply refusal(const Sorted& sorted, const std::string& address);
  std::string trace_fields(const account::Destination& account, const Transaction& transaction) const;
  io::Task<Result<>> check_sender(const Transaction& transaction);
  struct Verified {
    Sorted sorted;
    std::string name;                ///< of the only account
    std::vector<std::string> group;  ///< who stands in the directory as its targets
  };
  io::Task<Result<Verified>> look_up(envelope::Mailbox mailbox);
  [[nodiscard]] bool of_relay_network() const;
  /// Whether VRFY and EXPN tell this client what is so.
  [[nodiscard]] bool may_ask() const;
  [[nodiscard]] bool may_relay(const envelope::Mailbox& recipient) const;
  [[nodiscard]] bool only_for_reports(const envelope::Mailbox& mailbox) const;
  protocol::smtp::Reply take_elsewhere(const envelope::Recipient& recipient, const std::string& address);
  /// For the queue.
  protocol::smtp::Reply take_for_later(const envelope::Recipient& recipient, const std::string& address);
  /// Until when the message is to be held back (RFC 4865).
  [[nodiscard]] std::optional<WallTime> held_until(const Transaction& transaction) const;
  std::string received_field(const Transaction& transaction) const;
  io::Task<Result<envelope::ReversePath>> sender_of_forwarded(const envelope::ReversePath& sender);
  io::Task<Result<std::vector<queue::Change>>> enqueue(const Transaction& transaction,
                                                       const protocol::smtp::BodyFacts& facts,
                                                       mailbox::Delivery& delivery);
  /// Whether report_all() may have something to report.
  static bool wants_report(const Transaction& transaction);
  io::Task<Result<std::vector<queue::Change>>> report_all(const Transaction& transaction, const queue::Entry& entry,
                                                          mailbox::Delivery& delivery);
  io::Task<Result<std::optional<queue::Change>>> report_to_sender(const Transaction& transaction,
                                                                  const queue::Entry& entry,
                                                                  mailbox::Delivery& delivery);
  io::Task<Result<std::optional<queue::Change>>> report(const queue::Entry& entry, std::vector<Reported> here,
                                                        mailbox::Delivery& delivery);
  [[nodiscard]] bool at_this_host(const envelope::Mailbox& mailbox) const;
  /// Who looks for names here, for Services::names().
  [[nodiscard]] std::string party() const;
  protocol::smtp::Reply settled(const Transaction& transaction, const Error& error) const;
  protocol::smtp::Outcome settle_each(const Transaction& transaction,
                                      const std::vector<Result<mailbox::Delivered>>& results) const;
  io::Task<Result<protocol::smtp::Outcome>> deliver(Transaction& transaction, const protocol::smtp::BodyFacts& facts);
  // What the trace is told (transaction_trace.cpp).
  [[nodiscard]] trace::Door door() const;
  [[nodiscard]] trace::Beginning who() const;
  void note_end(const Transaction& transaction);
  void record(const Transaction& transaction, const protocol::smtp::BodyFacts& facts, const mailbox::Content& content,
              const std::vector<Result<mailbox::Delivered>>& results, store::Batch& batch);
  /// The other side is told only "local error" when the fault is ours: the log says which.
  static void log_failure(std::string_view id, const Error& error);
  void log_delivery(const Transaction& transaction, std::uint64_t octets, std::size_t delivered) const;

  const SmtpDesk& desk_;
  const std::optional<LocalUser> local_;
  CredentialDesk credentials_;
  Logins::Stay stay_;  ///< while somebody is logged in
  std::uint64_t accepted_ = 0;
  Courier* courier_ = nullptr;        ///< null: nothing is sent now
  std::vector<std::string> fetched_;  ///< what atrn() agreed to: destinations of the queue
  const protocol::smtp::Peer* peer_ = nullptr;
  std::optional<Transaction> transaction_;
  RefusalNotes notes_;
  // What record() puts stories together in.
  std::string scratch_;
  std::vector<trace::Recipient> recipients_;
  std::vector<trace::Place> places_;
  std::optional<CheckpointName> named_;    ///< in hand: of the transaction that mail() is about to open
  std::vector<CheckpointName> concluded_;  ///< in hand: their ends were told, and may not have been heard
};

}  // namespace angarium::agent
