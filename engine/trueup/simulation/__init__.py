"""How is trueup tried against thousands of histories, each from one seed, in virtual time?"""
