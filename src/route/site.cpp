#include "route/site.h"

#include <libpsl.h>

#include <memory>
#include <set>

#include "base/text.h"

namespace angarium::route {
namespace {

/// The host's list (the package publicsuffix) where it is newer than the one in the library. Read once, never changed.
const psl_ctx_t* list() {
  struct Free {
    void operator()(psl_ctx_t* list) const { psl_free(list); }
  };
  static const std::unique_ptr<psl_ctx_t, Free> read(psl_latest(nullptr));
  return read ? read.get() : psl_builtin();
}

}  // namespace

std::string registrable_domain(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string name = to_lower(host);
  // Names below a suffix that the list does not know count as below a top level domain (rule "*").
  if (const char* const registered = psl_registrable_domain(list(), name.c_str())) return registered;
  return name;
}

std::string site_of(std::span<const Hop> hops) {
  std::set<std::string> names;
  for (const Hop& hop : hops)
    names.insert(hop.host.starts_with('[') ? "[" + hop.address.text() + "]" : registrable_domain(hop.host));
  std::string site;
  for (const std::string& name : names) site += (site.empty() ? "" : "+") + name;
  return site;
}

}  // namespace angarium::route
