// Names of the network looked up in the DNS. Bodies: unbound_resolver.h (the real one) and memory_resolver.h (zones as
// text, faults by seed).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "io/address.h"
#include "io/task.h"

namespace angarium::io {

/// The types that mail asks for; the numbers are those of the wire (RFC 1035 §3.2.2, 3596, 2782, 6698).
enum class RecordType : std::uint16_t { a = 1, cname = 5, ptr = 12, mx = 15, txt = 16, aaaa = 28, srv = 33, tlsa = 52 };
/// "MX"
std::string_view record_type_name(RecordType type);

/// Names in records are as written there, without the dot at the end; the root is ".". Octets that are no printable
/// ASCII, dots within labels and backslashes stand as \DDD: no name that check_name() passes has them.
struct NameRecord {  ///< CNAME and PTR
  std::string name;
  friend bool operator==(const NameRecord&, const NameRecord&) = default;
};
struct MxRecord {  ///< RFC 1035 §3.3.9
  std::uint16_t preference;
  std::string exchange;
  friend bool operator==(const MxRecord&, const MxRecord&) = default;
};
struct TextRecord {  ///< RFC 1035 §3.3.14: the strings one after the other, as SPF and DKIM read them
  std::string text;
  friend bool operator==(const TextRecord&, const TextRecord&) = default;
};
struct SrvRecord {  ///< RFC 2782
  std::uint16_t priority;
  std::uint16_t weight;
  std::uint16_t port;
  std::string target;
  friend bool operator==(const SrvRecord&, const SrvRecord&) = default;
};
struct TlsaRecord {  ///< RFC 6698 §2.1
  std::uint8_t usage;
  std::uint8_t selector;
  std::uint8_t matching;
  std::string data;  ///< octets
  friend bool operator==(const TlsaRecord&, const TlsaRecord&) = default;
};
/// IpAddress for A and AAAA.
using Record = std::variant<IpAddress, NameRecord, MxRecord, TextRecord, SrvRecord, TlsaRecord>;

/// What became of a question. Only the first three are known to be so; `temporary` says nothing of the name.
enum class Outcome : std::uint8_t {
  records,
  no_data,  ///< the name is there, without records of this type
  no_name,  ///< NXDOMAIN: neither the name nor any below it (RFC 8020)
  temporary,
};

/// Why nothing is known.
enum class Trouble : std::uint8_t {
  none,
  timed_out,       ///< no answer before our own deadline
  server_failure,  ///< SERVFAIL, REFUSED and every other code; no server answered; too long a chain of aliases
  bogus,           ///< DNSSEC proves that the answer was changed on its way (RFC 4033 §5)
  malformed,       ///< an answer that cannot be read
  busy,            ///< too many questions at once, or no memory
};
std::string_view trouble_name(Trouble trouble);

/// Whether the answer, its absence included, was proved by DNSSEC.
enum class Dnssec : std::uint8_t { insecure, secure };

/// An answer has at most so many records; what is beyond is left out. A set of 64 KiB may hold 4,000.
inline constexpr std::size_t kRecordsMax = 256;
/// Aliases (CNAME) followed; a longer chain is a server failure. libunbound itself goes 11 steps.
inline constexpr std::size_t kAliasesMax = 16;
/// Octets of a name as text without the last dot (RFC 1035 §2.3.4: 255 on the wire), and of a label.
inline constexpr std::size_t kNameMax = 253;
inline constexpr std::size_t kNameLabelMax = 63;
/// Questions of one resolver that wait at the same time; more are answered `busy`.
inline constexpr std::size_t kQuestionsMax = 4096;

struct Answer {
  Outcome outcome = Outcome::temporary;
  std::vector<Record> records;  ///< all of the type asked for
  /// The names that CNAME records led to, in order; the last one has the records, or has none.
  std::vector<std::string> aliases;
  /// How long it is true, the chain of aliases included; of negative answers too (RFC 2308 §5). 0 when temporary.
  std::chrono::seconds ttl{0};
  Dnssec dnssec = Dnssec::insecure;
  Trouble trouble = Trouble::none;
  std::string reason;  ///< of a trouble, in words

  [[nodiscard]] bool temporary() const { return outcome == Outcome::temporary; }
  [[nodiscard]] bool secure() const { return dnssec == Dnssec::secure; }
};
/// An answer that says nothing of the name.
Answer no_answer(Trouble trouble, std::string reason);

/// A name that cannot be asked for: the caller's mistake, so an error and no answer.
inline constexpr ErrorKind kBadName{"io.bad-name", Fault::syntax, Lasting::permanent};
/// Printable ASCII in labels of 1 to 63 octets, 253 in all; a dot at the end is taken; no backslash. Any other name is
/// kBadName, U-labels too: IDNA is the caller's.
Result<void> check_name(std::string_view name);

struct ResolveOptions {
  /// From the call to the answer, whatever the servers do.
  Duration timeout = std::chrono::seconds(15);
};

/// The port. A resolver belongs to one loop and ends after the tasks that ask it; destroying the asking task takes the
/// question back.
class Resolver {
 public:
  Resolver() = default;
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  virtual ~Resolver() = default;

  /// The records of a name, by way of its aliases (except those of CNAME themselves). The only error is kBadName.
  virtual Task<Result<Answer>> resolve(std::string name, RecordType type, ResolveOptions options) = 0;
  Task<Result<Answer>> resolve(std::string name, RecordType type) { return resolve(std::move(name), type, {}); }
};

}  // namespace angarium::io
