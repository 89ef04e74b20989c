//! Sentences about telephones that register.

use waybell_domain::lang::Lang;

texts! {
    no_phones() = "还没有话机；添加一部：waybell phones --add 柜台", "there are no telephones yet; make one: waybell phones --add desk";
    no_phone(name) = "没有名为“{name}”的话机，见 waybell phones", "there is no telephone {name}; see waybell phones";
    phone_there(transport) = "已注册（{transport}）", "registered ({transport})";
    phone_seen(at) = "未注册，上次 {at}", "not registered, last {at}";
    phone_never() = "从未注册", "never registered";
    phone_made(name) = "已添加“{name}”，请在话机上填写（密码只显示这一次）：", "{name} is made; type this into it (the secret is shown this once):";
    phone_server(server) = "  服务器  {server}", "  server  {server}";
    phone_domain(domain) = "  域      {domain}", "  domain  {domain}";
    phone_user(user) = "  用户名  {user}", "  user    {user}";
    phone_secret(secret) = "  密码    {secret}", "  secret  {secret}";
    phone_removed(name) = "“{name}”已删除，不再响铃", "{name} is removed and rings no more";
    phone_renamed(name) = "现名“{name}”", "it is called {name} now";
}
