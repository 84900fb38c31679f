// Hosts that fail and fill up as one: those of one provider, whatever the domains are whose mail they take.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "route/hosts.h"

namespace angarium::route {

/// What somebody has registered of a host's name, by the Public Suffix List with its private section
/// (publicsuffix.org): "google.com" of "aspmx.l.google.com", "firm.co.uk" of "mx.firm.co.uk". In lower case, without a
/// last dot. The name itself where nobody registers anything: a public suffix, a name of one label. `host`: a name as
/// the DNS has it.
std::string registrable_domain(std::string_view host);

/// The site of a domain, by its hosts (find_hosts()): their registrable domains, "provider.net", joined by "+" in the
/// order of the alphabet where there are several: who names hosts of a provider beside hosts of their own is none of
/// that provider's, and takes no place from its others. Of an address literal the address in brackets. Empty for no
/// hosts.
std::string site_of(std::span<const Hop> hops);

}  // namespace angarium::route
