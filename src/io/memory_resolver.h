// A DNS without a network: zones written as text, faults by name or by seed. For tests and simulations.
#pragma once

#include <memory>

#include "io/loop.h"
#include "io/resolve.h"

namespace angarium::io {

/// Chances of each question, by seed; the faults that the zones name come first.
struct DnsFaults {
  std::uint64_t seed = 1;
  std::uint32_t timed_out_per_million = 0;
  std::uint32_t server_failure_per_million = 0;
  std::uint32_t bogus_per_million = 0;
  Duration delay_max{0};  ///< each answer comes so much later, at random
};

/// Lines of zones; a ";" outside of quotes begins a comment:
///
///     $TTL 300                          ; of the lines that follow; 3600 before the first
///     $SECURE example.org               ; this name and all below it are proved by DNSSEC
///     example.org 60 MX 10 mx.example.org
///     mx.example.org AAAA 2001:db8::1   ; A AAAA MX TXT PTR CNAME SRV TLSA; TXT "one" "two"; TLSA 3 1 1 00ff
///     $TIMEOUT silent.example           ; no answer at all; a type may follow the name: only its questions then
///     $SERVFAIL down.example MX
///     $BOGUS forged.example
///     $SLOW far.example 3000            ; milliseconds
///
/// A name is there when it, or one below it, has a line.
class MemoryResolver final : public Resolver {
 public:
  /// kBadZone names the line. `loop` gives the time.
  static Result<std::unique_ptr<MemoryResolver>> make(Loop& loop, std::string_view zones, DnsFaults faults = {});
  ~MemoryResolver() override;

  using Resolver::resolve;
  Task<Result<Answer>> resolve(std::string name, RecordType type, ResolveOptions options) override;

  /// Other zones from now on; the old ones stay when these are refused.
  Result<void> set_zones(std::string_view zones);
  void set_faults(DnsFaults faults);
  /// Questions asked so far.
  [[nodiscard]] std::size_t asked() const { return asked_; }

 private:
  struct Zones;
  MemoryResolver(Loop& loop, DnsFaults faults, std::unique_ptr<Zones> zones);
  bool chance(std::uint32_t per_million);

  Loop& loop_;
  DnsFaults faults_;
  SeededRandom random_;
  std::unique_ptr<Zones> zones_;
  std::size_t asked_ = 0;
};

inline constexpr ErrorKind kBadZone{"io.bad-zone", Fault::syntax, Lasting::permanent};

}  // namespace angarium::io
