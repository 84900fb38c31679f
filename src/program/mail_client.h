// `angarium mail VERB …`: the user's accounts at servers anywhere.
#pragma once

#include <string>
#include <vector>

namespace angarium::program {

/// Whether the word behind `angarium mail` is one of these verbs; else it is mail(1)'s.
bool is_client_verb(const std::string& word);
/// `words`: the verb and what follows. Exit codes: 0 done, 1 failed, 2 usage, 75 temporary.
int mail_client(const std::vector<std::string>& words);

}  // namespace angarium::program
