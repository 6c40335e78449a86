// Say on the page when a security key could not be used.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.getElementById("key-error").hidden = false;
});
