"""Labels from radiology reports: a classifier learns them from the reports that have one and infers the others'.

Paper: Progressive transfer learning for wrist fracture detection (JAISCR 2022), sections 3.4 and 4.5.
"""

CLASSIFIERS = ("logistic-regression", "gradient-boosting", "random-forest", "naive-bayes")
BEST = "best"  # the one of them that judges held-out reports best
