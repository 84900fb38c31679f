// What was promised to whom, and what has come of it. README.md has the rule in words.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/time.h"
#include "simulation/journal.h"

namespace angarium::simulation {

/// A server by its number, or the users.
using Who = int;
inline constexpr Who kUsers = -1;
std::string name_of(Who who);

/// An address that letters are written to or come from.
struct Address {
  std::string text;
  enum class Kind : std::uint8_t {
    reader,    ///< mailboxes at a server have it
    stranger,  ///< its domain is served, it is not known there
    nowhere,   ///< its domain takes no mail, now or ever
  } kind = Kind::reader;
  std::vector<std::string> boxes;  ///< addresses of the accounts of a reader
};

struct Addressed {
  Address address;
  std::string notify;  ///< NOTIFY= of RFC 3461; empty: not given
  [[nodiscard]] bool tells(std::string_view what) const { return notify.find(what) != std::string::npos; }
};

struct Letter {
  std::string token;  ///< its Message-ID
  Address sender;     ///< empty text: the null reverse-path
  std::vector<Addressed> recipients;
  std::string body;
};

/// One message as it lies in a mailbox at the end.
struct Stored {
  std::string box;
  std::string text;
};

/// What became of a message at the end of its data.
enum class Answer : std::uint8_t {
  pending,  ///< nothing yet
  taken,    ///< a positive reply was on its way
  refused,  ///< the server lived and said no
  unknown,  ///< it died, or its store stopped, before anybody knew
};

class Ledger {
 public:
  explicit Ledger(Journal& journal) : journal_(journal) {}

  void write(Letter letter) { letters_.emplace(letter.token, std::move(letter)); }

  // --- what servers do -----------------------------------------------------------------------------------------------
  /// The data of a message ended at `to`; it came from `from`. Gives its number.
  std::size_t begin(Who from, Who to, std::string token, std::vector<std::string> recipients);
  /// `line`: the reply, as it stands on the wire.
  void answer(std::size_t passage, Answer answer, std::string line);
  /// A line that came to whoever has sent something.
  void hear(Who who, std::string_view line, Moment at);
  /// The store of that server has made everything durable that waited before this moment.
  void durable(Who who, Moment at);
  /// It died, or its store stopped: what it had not written down it does not know any more.
  void forget(Who who);

  // --- the end -------------------------------------------------------------------------------------------------------
  void check(const std::vector<Stored>& stored);
  struct Counts {
    std::uint64_t letters = 0;   ///< that were acknowledged to users
    std::uint64_t passages = 0;  ///< messages that a server took from anybody
    std::uint64_t repeated = 0;  ///< copies that one window or another of SMTP let through
    std::uint64_t bounced = 0;   ///< recipients of whom a sender or postmaster was told
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Passage {
    Who from;
    Who to;
    std::string token;
    std::vector<std::string> recipients;
    Answer answer = Answer::pending;
  };
  /// Of one message to one recipient at one server.
  struct Copies {
    int in = 0;    ///< may have come in
    int sure = 0;  ///< of them acknowledged
    int out = 0;   ///< of which the server knows for good that another one has them
  };
  using Key = std::tuple<Who, std::string, std::string>;
  struct Reports {
    std::map<std::string, std::set<std::string>> by_action;  ///< Message-IDs
  };

  Copies& copies(Who who, const std::string& token, const std::string& recipient) {
    return copies_[{who, token, recipient}];
  }
  /// So many may be under way: of our own reports one.
  int held(Who who, const std::string& token, const std::string& recipient);
  int everywhere(const std::string& token, const std::string& recipient) const;
  void read(const Stored& stored);
  void check_body(const Stored& stored);
  void check_letter(const Letter& letter, const std::set<std::string>& owed);
  void check_copies();

  Journal& journal_;
  std::map<std::string, Letter> letters_;
  std::map<std::string, Who> origin_;  ///< of messages that no user wrote: who sent them first
  std::vector<Passage> passages_;
  std::map<std::string, std::size_t, std::less<>> by_line_;
  std::map<Key, Copies> copies_;
  std::map<Who, std::vector<std::pair<std::size_t, Moment>>> heard_;  ///< and not known to be written down
  std::map<std::pair<std::string, std::string>, int> found_;          ///< messages by box and token
  std::map<std::pair<std::string, std::string>, Reports> reports_;    ///< by token and recipient: to senders
  std::set<std::pair<std::string, std::string>> postmasters_know_;    ///< the same, failed
  Counts counts_;
};

/// The Message-ID of a message or of its beginning, without brackets; empty when there is none.
std::string token_of(std::string_view text);

}  // namespace angarium::simulation
