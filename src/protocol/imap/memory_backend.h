// A whole mail store in memory behind the port: the model that tests, session scripts and fuzzers speak to.
//
// Everything happens at once and on one loop. It follows the RFCs where they leave a choice as the real store does:
// deleting a mailbox with inferiors leaves its name, names make their superiors, emails stay readable after an expunge.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/backend.h"
#include "wire/connection/connection.h"
#include "wire/saslsec/memory_desk.h"

namespace angarium::protocol::imap {

/// A stored message with all that is answered from it.
struct MemoryEmail {
  std::uint64_t id = 0;
  std::string octets;
  message::Structure structure;
  /// What readers without UTF-8 get, where it differs.
  struct AsciiForm {
    std::string octets;
    message::Structure structure;
  };
  std::optional<AsciiForm> ascii_form;
  struct Texts {
    std::string envelope;
    std::string body;
    std::string body_structure;
  };
  Texts ascii;
  Texts utf8;
  std::string email_id;
  std::string thread_id;
  std::string references;
  std::string preview;
};

/// Who wants to know of changes in an account.
struct MemoryWatches {
  struct Watch {
    io::Event* event = nullptr;
    bool dirty = false;
  };
  std::set<Watch*> all;
  void tell() const;
};

/// One mailbox, shared by the sessions that selected it.
struct MemoryMailboxState {
  std::string id;
  std::uint32_t uid_validity = 0;
  std::uint32_t attributes = 0;  ///< special uses
  bool selectable = true;
  bool deleted = false;
  std::uint32_t recent_above = 0;                     ///< UIDs above are \Recent to the next session
  std::shared_ptr<const View> view;                   ///< a MemoryView
  std::map<std::uint32_t, std::uint64_t> tombstones;  ///< UID → MODSEQ of its expunge
  std::set<io::Event*> watchers;
  std::shared_ptr<MemoryWatches> account_watches;
  using Annotations = std::map<std::string, std::shared_ptr<const std::string>, std::less<>>;
  Annotations annotations;                               ///< the owner's and everybody's
  std::map<std::string, Annotations> private_of_others;  ///< by their names
  AccessList access;
  std::optional<std::string> url_key;
  std::uint64_t url_keys_removed = 0;

  /// What those identifiers may do; of the owner, who has none: everything.
  [[nodiscard]] Rights rights_of(const std::vector<std::string>& identifiers) const;
  void publish(std::vector<Entry> entries, std::uint32_t uid_next, std::uint64_t modseq,
               std::vector<std::string> keywords);
  [[nodiscard]] std::vector<Entry> entries() const;
  [[nodiscard]] std::vector<std::string> keywords() const;
};

/// One account's mailboxes. Made by MemoryStore.
class MemoryAccountState {
 public:
  std::string user;
  std::map<std::string, std::shared_ptr<MemoryMailboxState>, std::less<>> mailboxes;
  std::set<std::string, std::less<>> subscriptions;
  std::map<std::uint64_t, std::shared_ptr<const MemoryEmail>> emails;
  std::shared_ptr<MemoryWatches> watches = std::make_shared<MemoryWatches>();
  std::set<std::uint64_t> damaged;  ///< emails that can't be read
  /// Emails that can be read up to an octet; what is read ends there.
  std::map<std::uint64_t, std::uint64_t> damaged_from;
  std::uint64_t modseq = 1;
  std::uint64_t octets = 0;
  std::uint64_t quota = UINT64_MAX;  ///< octets
  std::uint32_t next_uid_validity = 1;
  Duration work_takes{};  ///< each match of some messages, each copy
  std::map<std::string, std::shared_ptr<const std::string>, std::less<>> annotations;  ///< private, of the server
  struct AnnotationNews {
    AnnotationChange change;
    const void* author = nullptr;
  };
  std::vector<AnnotationNews> annotation_news;
  std::set<io::Event*> annotation_watchers;
  std::optional<Error> trouble;                          ///< the next change fails with it, once
  WallTime now = WallTime::from_seconds(1'700'000'000);  ///< INTERNALDATE where none is given

  Result<void> take_trouble();
  [[nodiscard]] std::shared_ptr<MemoryMailboxState> find(std::string_view name) const;
  [[nodiscard]] bool has_inferiors(std::string_view name) const;
  std::shared_ptr<MemoryMailboxState> make(std::string_view name, std::uint32_t attributes);
  std::shared_ptr<const MemoryEmail> keep(std::string octets, std::string email_id = {});
};

class MemoryStore {
 public:
  /// With INBOX and the five usual mailboxes. Outlives its sessions.
  MemoryAccountState& add_account(std::string_view user, std::string_view password);
  [[nodiscard]] std::shared_ptr<MemoryAccountState> find(std::string_view user) const;
  /// Delivers as another agent would; the UID it got.
  static std::uint32_t deliver(MemoryAccountState& account, std::string_view mailbox, std::string octets,
                               FlagList flags = {});

  /// All accounts by their users.
  [[nodiscard]] const auto& accounts() const { return accounts_; }

  wire::saslsec::MemoryLogins logins;  ///< add_account() tells it passwords
  std::string public_account;          ///< whose mailboxes are the public ones; empty: there are none
  std::vector<std::string> mechanisms = {"PLAIN"};

 private:
  std::map<std::string, std::shared_ptr<MemoryAccountState>, std::less<>> accounts_;
};

/// Logs in to a MemoryStore by LOGIN or AUTHENTICATE.
class MemoryAuthenticator : public Authenticator {
 public:
  enum class Plaintext { with_tls, always };
  MemoryAuthenticator(MemoryStore& store, const wire::Connection& connection, Plaintext plaintext)
      : store_(store), connection_(connection), plaintext_(plaintext) {}
  [[nodiscard]] std::vector<std::string_view> enabled() const override {
    return {store_.mechanisms.begin(), store_.mechanisms.end()};
  }
  [[nodiscard]] bool login_permitted() const override;
  wire::saslsec::Desk& credentials() override { return desk_; }
  io::Task<Result<std::shared_ptr<Account>>> open(sasl::Identity identity, std::string_view mechanism) override;
  io::Task<Error> refused(Error error) override;

 private:
  MemoryStore& store_;
  const wire::Connection& connection_;
  Plaintext plaintext_;
  wire::saslsec::MemoryDesk desk_{store_.logins};
};

/// Whether a message matches a key of SEARCH, by decoding what it must.
char matches_key(const MemoryEmail& email, const TextKey& key);

}  // namespace angarium::protocol::imap
